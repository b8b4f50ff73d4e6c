#include "train/schedule.h"

#include <gtest/gtest.h>

namespace pals {
namespace {

constexpr Schedule kAll[] = {Schedule::kWarmupLinear, Schedule::kWarmupCosine,
                             Schedule::kWarmupConstant};

TEST(Schedule, WarmsUpFromZero) {
  for (const Schedule schedule : kAll) {
    EXPECT_EQ(schedule_factor(schedule, 0, 1000, 0.1), 0.0);
    EXPECT_DOUBLE_EQ(schedule_factor(schedule, 50, 1000, 0.1), 0.5);
    EXPECT_DOUBLE_EQ(schedule_factor(schedule, 99, 1000, 0.1), 0.99);
  }
}

TEST(Schedule, FollowsItsCourseAfterWarmUp) {
  EXPECT_DOUBLE_EQ(schedule_factor(Schedule::kWarmupLinear, 100, 1000, 0.1), 0.9);
  EXPECT_DOUBLE_EQ(schedule_factor(Schedule::kWarmupLinear, 750, 1000, 0.1), 0.25);
  EXPECT_NEAR(schedule_factor(Schedule::kWarmupCosine, 500, 1000, 0.1), 0.5, 1e-12);
  EXPECT_NEAR(schedule_factor(Schedule::kWarmupCosine, 750, 1000, 0.1), 0.146446609, 1e-9);
  EXPECT_EQ(schedule_factor(Schedule::kWarmupConstant, 100, 1000, 0.1), 1.0);
  EXPECT_EQ(schedule_factor(Schedule::kWarmupConstant, 999, 1000, 0.1), 1.0);
}

TEST(Schedule, IsNeverNegativePastTheEnd) {
  for (const int64_t step : {1000, 1001, 5000}) {
    EXPECT_EQ(schedule_factor(Schedule::kWarmupLinear, step, 1000, 0.1), 0.0);
    EXPECT_NEAR(schedule_factor(Schedule::kWarmupCosine, step, 1000, 0.1), 0.0, 1e-12);
    EXPECT_EQ(schedule_factor(Schedule::kWarmupConstant, step, 1000, 0.1), 1.0);
  }
}

TEST(Schedule, CanStartWithoutWarmUpAndWarmUpThroughout) {
  for (const Schedule schedule : kAll) {
    EXPECT_EQ(schedule_factor(schedule, 0, 10, 0.0), 1.0);
    EXPECT_DOUBLE_EQ(schedule_factor(schedule, 9, 10, 1.0), 0.9);
  }
}

}  // namespace
}  // namespace pals

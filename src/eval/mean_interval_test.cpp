#include "eval/mean_interval.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace pals {
namespace {

TEST(MeanInterval, IsStudents) {
  // R: t.test(c(1, 2, 3, 4))$conf.int, t.test(c(0, 2))$conf.int
  const std::optional<Interval> four = mean_interval(std::vector<double>{1, 2, 3, 4});
  ASSERT_TRUE(four);
  EXPECT_NEAR(four->low, 0.445739, 1e-4);
  EXPECT_NEAR(four->high, 4.554261, 1e-4);
  const std::optional<Interval> two = mean_interval(std::vector<double>{0, 2});
  ASSERT_TRUE(two);
  EXPECT_NEAR(two->low, -11.7062, 1e-3);
  EXPECT_NEAR(two->high, 13.7062, 1e-3);
}

TEST(MeanInterval, GoesOnBeyondTheTable) {
  for (const auto& [count, quantile] :
       {std::pair{31, 2.0423}, std::pair{41, 2.0211}, std::pair{121, 1.9799}}) {
    std::vector<double> values(static_cast<size_t>(count), 0.0);
    values.front() = 1.0;
    const double mean = 1.0 / count;
    const double deviation = std::sqrt((1.0 - mean) / (count - 1));
    const std::optional<Interval> interval = mean_interval(values);
    ASSERT_TRUE(interval);
    const double reach = (interval->high - interval->low) / 2.0;
    // Of a single one among zeros the squares add up to 1 - 1 / n.
    EXPECT_NEAR(reach / (deviation / std::sqrt(count)), quantile, 5e-4) << count;
    EXPECT_NEAR((interval->high + interval->low) / 2.0, mean, 1e-12);
  }
}

TEST(MeanInterval, NeedsTwoValues) {
  EXPECT_FALSE(mean_interval({}));
  EXPECT_FALSE(mean_interval(std::vector<double>{1.0}));
  EXPECT_FALSE(mean_interval(std::vector<double>{1.0, std::nan("")}));
}

}  // namespace
}  // namespace pals

#include "runlog/loss_watch.h"

#include <gtest/gtest.h>

namespace pals {
namespace {

StepRecord step_of(int64_t step, double loss) {
  return {.step = step, .task = "rte", .loss = loss};
}

TEST(LossWatch, WarnsAboveTenTimesTheMeanOfTheFirstHundred) {
  LossWatch watch;
  for (int64_t step = 0; step < 100; ++step) {
    EXPECT_EQ(watch.see(step_of(step, step % 2 == 0 ? 0.5 : 1.5)), "") << step;
  }
  EXPECT_EQ(watch.see(step_of(100, 10.0)), "");
  const std::string text = watch.see(step_of(101, 10.5));
  EXPECT_TRUE(
      text.starts_with("step 101, task rte: the loss is 10.500, more than ten times the 1.000"))
      << text;
  EXPECT_EQ(watch.see(step_of(102, 50.0)), "");  // said already
  EXPECT_EQ(watch.see(step_of(200, 50.0)), "");
  EXPECT_NE(watch.see(step_of(201, 50.0)), "");
}

TEST(LossWatch, GoesOnWithTheLossesOfBefore) {
  LossWatch watch(std::vector<double>(100, 0.1));
  EXPECT_NE(watch.see(step_of(100, 1.5)), "");
  LossWatch later(std::vector<double>(99, 0.1));
  EXPECT_EQ(later.see(step_of(99, 0.1)), "");
  EXPECT_NE(later.see(step_of(100, 1.5)), "");
}

}  // namespace
}  // namespace pals

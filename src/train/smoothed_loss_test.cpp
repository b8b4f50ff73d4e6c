#include "train/smoothed_loss.h"

#include <gtest/gtest.h>

namespace pals {
namespace {

TEST(SmoothedLoss, IsTheMeanOfFewSteps) {
  SmoothedLoss loss;
  EXPECT_EQ(loss.value(), 0.0);
  loss.add(1.6);
  EXPECT_DOUBLE_EQ(loss.value(), 1.6);
  loss.add(0.4);
  EXPECT_NEAR(loss.value(), 1.0, 0.01);
}

TEST(SmoothedLoss, ForgetsTheFirstSteps) {
  SmoothedLoss loss;
  for (int step = 0; step < 20; ++step) loss.add(step == 0 ? 2.0 : 0.5);
  EXPECT_NEAR(loss.value(), 0.575, 0.02);  // the mean is 0.575
  for (int step = 0; step < 600; ++step) loss.add(0.25);
  EXPECT_NEAR(loss.value(), 0.25, 1e-4);
}

}  // namespace
}  // namespace pals

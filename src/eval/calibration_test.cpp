#include "eval/calibration.h"

#include <gtest/gtest.h>

#include <limits>
#include <stdexcept>

namespace pals {
namespace {

TEST(Calibration, BinsHoldMeansAndShares) {
  const std::vector<double> probabilities = {
      0.05, 0.55, 0.65, 0.95, 1.0, 1.5, -2.0, std::numeric_limits<double>::quiet_NaN()};
  const std::vector<uint8_t> right = {0, 1, 0, 1, 1, 1, 0, 0};
  const auto bins = calibration_bins(probabilities, right, 2);
  ASSERT_EQ(bins.size(), 2U);
  EXPECT_EQ(bins[0].count, 3);
  EXPECT_DOUBLE_EQ(bins[0].right, 0.0);
  EXPECT_EQ(bins[1].count, 5);
  EXPECT_DOUBLE_EQ(bins[1].probability, (0.55 + 0.65 + 0.95 + 1.0 + 1.0) / 5);
  EXPECT_DOUBLE_EQ(bins[1].right, 0.8);
  EXPECT_NEAR(calibration_error(bins), (3 * 0.05 / 3 + 5 * 0.03) / 8, 1e-12);
  EXPECT_DOUBLE_EQ(calibration_error({}), 0.0);
  EXPECT_THROW(calibration_bins(probabilities, {}), std::invalid_argument);
}

}  // namespace
}  // namespace pals

#include "eval/bootstrap.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace pals {
namespace {

TEST(Bootstrap, TheIntervalOfAShareIsTheBinomials) {
  constexpr int64_t kRows = 400;
  const auto share = [](std::span<const uint32_t> rows) {
    double sum = 0.0;
    for (const uint32_t row : rows) sum += row < kRows / 2 ? 1.0 : 0.0;
    return std::vector<double>{sum / static_cast<double>(rows.size())};
  };
  const auto values = bootstrap(share, kRows, 2000, 7);
  ASSERT_EQ(values.size(), 1U);
  EXPECT_EQ(values, bootstrap(share, kRows, 2000, 7));
  const std::optional<Interval> interval = percentile_interval(values[0]);
  ASSERT_TRUE(interval);
  const double half = 1.96 * std::sqrt(0.25 / kRows);
  EXPECT_NEAR(interval->low, 0.5 - half, 0.006);
  EXPECT_NEAR(interval->high, 0.5 + half, 0.006);
}

TEST(Bootstrap, OfNothingIsNothing) {
  const auto none = [](std::span<const uint32_t>) { return std::vector<double>{0.0}; };
  EXPECT_TRUE(bootstrap(none, 0, 10, 1).empty());
  EXPECT_FALSE(percentile_interval({}));
  EXPECT_FALSE(percentile_interval({1.0, std::numeric_limits<double>::quiet_NaN()}));
  EXPECT_EQ(usual_resamples(100), 1000);
  EXPECT_EQ(usual_resamples(1 << 30), 200);
}

}  // namespace
}  // namespace pals

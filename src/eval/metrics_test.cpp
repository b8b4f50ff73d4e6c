#include "eval/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"

namespace pals {
namespace {

using Classes = std::vector<int32_t>;
using Values = std::vector<double>;

constexpr double kTolerance = 1e-9;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::string reference_file() {
  if (const char* folder = std::getenv("PALS_REFERENCE_DIR")) {
    return std::string(folder) + "/metrics.json";
  }
  return std::string(PALS_SOURCE_DIR) + "/tests/data/metrics/metrics.json";
}

// One metric of one case; an undefined one stands as null.
void expect_metric(const Json& entry, const char* name, double computed) {
  if (!entry.contains(name)) return;
  if (entry[name].is_null()) {
    EXPECT_TRUE(std::isnan(computed)) << name;
  } else {
    EXPECT_NEAR(computed, entry[name].get<double>(), kTolerance) << name;
  }
}

TEST(MetricsGolden, AgreeWithScikitLearnAndSciPy) {
  // Python writes an undefined value as NaN, which JSON does not have.
  std::string text = read_file(reference_file(), 64 << 20);
  for (size_t at = 0; (at = text.find("NaN", at)) != std::string::npos;) {
    text.replace(at, 3, "null");
  }
  const Json cases = parse_json(text, reference_file());
  ASSERT_FALSE(cases.empty());
  for (size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(testing::Message() << reference_file() << " case " << i);
    const Json& entry = cases[i];
    if (entry.at("kind") == "classification") {
      const auto labels = entry.at("labels").get<Classes>();
      const auto predictions = entry.at("predictions").get<Classes>();
      ASSERT_TRUE(entry.contains("accuracy"));
      expect_metric(entry, "accuracy", accuracy(labels, predictions));
      expect_metric(entry, "f1", f1_score(labels, predictions));
      expect_metric(entry, "matthews", matthews_correlation(labels, predictions));
    } else {
      const auto labels = entry.at("labels").get<Values>();
      const auto predictions = entry.at("predictions").get<Values>();
      ASSERT_TRUE(entry.contains("pearson"));
      expect_metric(entry, "pearson", pearson_correlation(labels, predictions));
      expect_metric(entry, "spearman", spearman_correlation(labels, predictions));
    }
  }
}

TEST(Accuracy, CountsEqualPairs) {
  EXPECT_EQ(accuracy(Classes{0, 1, 2, -7}, Classes{0, 1, 1, -7}), 0.75);
  EXPECT_EQ(accuracy(Classes{}, Classes{}), 0.0);
}

TEST(Metrics, RefuseUnequalLengths) {
  EXPECT_THROW(accuracy(Classes{1}, Classes{}), std::invalid_argument);
  EXPECT_THROW(f1_score(Classes{1}, Classes{}), std::invalid_argument);
  EXPECT_THROW(matthews_correlation(Classes{1}, Classes{}), std::invalid_argument);
  EXPECT_THROW(pearson_correlation(Values{1}, Values{}), std::invalid_argument);
  EXPECT_THROW(spearman_correlation(Values{1}, Values{}), std::invalid_argument);
}

TEST(F1, TakesClassOneAsPositive) {
  // tp 1, fp 1, fn 2
  EXPECT_NEAR(f1_score(Classes{1, 1, 1, 0, 0}, Classes{1, 0, 0, 1, 0}), 2.0 / 5.0, kTolerance);
  EXPECT_EQ(f1_score(Classes{0, 0}, Classes{0, 0}), 0.0);
  EXPECT_EQ(f1_score(Classes{1, 1}, Classes{0, 0}), 0.0);
  EXPECT_EQ(f1_score(Classes{0, 0}, Classes{1, 1}), 0.0);
}

TEST(Matthews, EqualsTheBinaryFormula) {
  // tp 2, tn 3, fp 1, fn 2
  const double expected = (2.0 * 3 - 1 * 2) / std::sqrt(3.0 * 4 * 4 * 5);
  EXPECT_NEAR(
      matthews_correlation(Classes{1, 1, 1, 1, 0, 0, 0, 0}, Classes{1, 1, 0, 0, 1, 0, 0, 0}),
      expected, kTolerance);
  EXPECT_NEAR(matthews_correlation(Classes{0, 1, 0, 1}, Classes{1, 0, 1, 0}), -1.0, kTolerance);
}

TEST(Matthews, IsZeroWhereUndefinedAndTakesAnyClassNumbers) {
  EXPECT_EQ(matthews_correlation(Classes{}, Classes{}), 0.0);
  EXPECT_EQ(matthews_correlation(Classes{3, 3, 3}, Classes{3, 1, 3}), 0.0);
  EXPECT_EQ(matthews_correlation(Classes{3, 1, 3}, Classes{3, 3, 3}), 0.0);
  const int32_t largest = std::numeric_limits<int32_t>::max();
  EXPECT_NEAR(matthews_correlation(Classes{largest, -5}, Classes{largest, -5}), 1.0, kTolerance);
}

TEST(Matthews, DoesNotOverflowOnLargeSets) {
  Classes labels(400'000);
  for (size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<int32_t>(i % 2);
  EXPECT_EQ(matthews_correlation(labels, labels), 1.0);
}

TEST(Correlations, AreUndefinedForConstantOrBrokenInput) {
  // 0.1 thrice: its mean in floating point is not 0.1.
  for (const Values& bad : {Values{0.1, 0.1, 0.1}, Values{1, kNan, 2}}) {
    EXPECT_TRUE(std::isnan(pearson_correlation(Values{1, 2, 4}, bad)));
    EXPECT_TRUE(std::isnan(pearson_correlation(bad, Values{1, 2, 4})));
    EXPECT_TRUE(std::isnan(spearman_correlation(Values{1, 2, 4}, bad)));
    EXPECT_TRUE(std::isnan(spearman_correlation(bad, Values{1, 2, 4})));
  }
  EXPECT_TRUE(std::isnan(pearson_correlation(Values{}, Values{})));
  EXPECT_TRUE(std::isnan(spearman_correlation(Values{1}, Values{2})));
  EXPECT_TRUE(std::isnan(pearson_correlation(Values{1, kInfinity, 2}, Values{1, 2, 3})));
  EXPECT_NEAR(spearman_correlation(Values{1, kInfinity, 2}, Values{1, 3, 2}), 1.0, kTolerance);
}

TEST(Correlations, HoldForExtremeValues) {
  EXPECT_NEAR(pearson_correlation(Values{1e308, -1e308, 1e308}, Values{2, 1, 2}), 1.0, kTolerance);
  EXPECT_NEAR(pearson_correlation(Values{1e-310, 3e-310, 2e-310}, Values{1, 3, 2}), 1.0,
              kTolerance);
  // The largest rounding errors must not lead past 1.
  EXPECT_LE(pearson_correlation(Values{0.1, 0.2, 0.3}, Values{0.1, 0.2, 0.3}), 1.0);
}

TEST(Spearman, SharesRanksAmongTies) {
  // Ranks 1, 2.5, 2.5, 4 and 1.5, 1.5, 3.5, 3.5.
  const double expected = (-1.5 * -1 + 0 + 0 + 1.5 * 1) / std::sqrt(4.5 * 4.0);
  EXPECT_NEAR(spearman_correlation(Values{1, 2, 2, 9}, Values{0, 0, 5, 5}), expected, kTolerance);
}

TEST(Errors, AreMeanDistances) {
  const Values labels = {1.0, 2.0, 3.0}, predictions = {1.0, 4.0, 2.0};
  EXPECT_DOUBLE_EQ(mean_absolute_error(labels, predictions), 1.0);
  EXPECT_DOUBLE_EQ(root_mean_squared_error(labels, predictions), std::sqrt(5.0 / 3.0));
  EXPECT_DOUBLE_EQ(mean_absolute_error(Values{}, Values{}), 0.0);
  EXPECT_DOUBLE_EQ(root_mean_squared_error(Values{}, Values{}), 0.0);
  EXPECT_THROW(mean_absolute_error(labels, Values{1.0}), std::invalid_argument);
}

}  // namespace
}  // namespace pals

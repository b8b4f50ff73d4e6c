#include "eval/multi_label_metrics.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"

namespace pals {
namespace {

using Bits = std::vector<uint8_t>;
using Scores = std::vector<double>;

constexpr double kTolerance = 1e-9;

// Written by tests/metric_cases.py; the test step "metrics" makes others at random.
std::string case_file() {
  if (const char* path = std::getenv("PALS_METRIC_CASES")) return path;
  return std::string(PALS_SOURCE_DIR) + "/tests/data/metrics/cases.json";
}

TEST(MultiLabelMetrics, AgreeWithScikitLearn) {
  const Json cases = parse_json(read_file(case_file(), 64 << 20), case_file()).at("multi_label");
  ASSERT_GE(cases.size(), 20U);
  for (size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(testing::Message() << case_file() << " case " << i);
    const Json& entry = cases[i];
    const auto num_labels = entry.at("num_labels").get<int64_t>();
    const auto labels = entry.at("labels").get<Bits>();
    const auto predictions = entry.at("predictions").get<Bits>();
    const auto scores = entry.at("scores").get<Scores>();
    EXPECT_NEAR(micro_f1(labels, predictions, num_labels), entry.at("micro_f1"), kTolerance);
    EXPECT_NEAR(macro_f1(labels, predictions, num_labels), entry.at("macro_f1"), kTolerance);
    EXPECT_NEAR(subset_accuracy(labels, predictions, num_labels), entry.at("subset_accuracy"),
                kTolerance);
    EXPECT_NEAR(mean_average_precision(labels, scores, num_labels), entry.at("map"), kTolerance);
  }
}

TEST(MultiLabelMetrics, AreZeroWhereNothingIsToBeFound) {
  EXPECT_EQ(micro_f1(Bits{0, 0}, Bits{0, 0}, 2), 0.0);
  EXPECT_EQ(macro_f1(Bits{0, 1}, Bits{0, 1}, 2), 0.5);
  EXPECT_EQ(subset_accuracy(Bits{}, Bits{}, 2), 0.0);
  EXPECT_EQ(mean_average_precision(Bits{0, 1}, Scores{0.5, 0.5}, 2), 0.5);
}

TEST(MultiLabelMetrics, RefuseUnequalSizes) {
  EXPECT_THROW(micro_f1(Bits{1}, Bits{}, 1), std::invalid_argument);
  EXPECT_THROW(macro_f1(Bits{1, 0, 1}, Bits{1, 0, 1}, 2), std::invalid_argument);
  EXPECT_THROW(subset_accuracy(Bits{1}, Bits{1}, 0), std::invalid_argument);
  EXPECT_THROW(mean_average_precision(Bits{1}, Scores{}, 1), std::invalid_argument);
}

TEST(BestThreshold, LiesBetweenTheScoresThatItParts) {
  EXPECT_DOUBLE_EQ(best_threshold(Bits{1, 0, 1, 0}, Scores{0.8, 0.1, 0.4, 0.2}), 0.3);
  EXPECT_DOUBLE_EQ(best_threshold(Bits{1, 1}, Scores{0.2, 0.1}), 0.05) << "all are predicted";
  EXPECT_DOUBLE_EQ(best_threshold(Bits{0, 1, 1}, Scores{0.9, 0.9, 0.9}), 0.45);
  EXPECT_EQ(best_threshold(Bits{0, 0}, Scores{0.9, 0.1}), 0.5);
  EXPECT_EQ(best_threshold(Bits{}, Scores{}), 0.5);
}

// Against all thresholds that could make a difference.
TEST(BestThreshold, GivesTheBestF1) {
  uint32_t state = 1;
  const auto next = [&] { return (state = state * 1664525U + 1013904223U) >> 16; };
  for (int round = 0; round < 200; ++round) {
    Bits labels;
    Scores scores;
    for (uint32_t i = 0; i < 1 + next() % 12; ++i) {
      labels.push_back(next() % 3 == 0 ? 1 : 0);
      scores.push_back((1 + next() % 9) / 10.0);
    }
    const auto f1_above = [&](double threshold) {
      Bits predictions;
      for (const double score : scores) predictions.push_back(score > threshold ? 1 : 0);
      return micro_f1(labels, predictions, 1);
    };
    double best = 0.0;
    for (int i = 0; i < 10; ++i) best = std::max(best, f1_above(i / 10.0 + 0.05));
    if (best == 0.0) continue;
    EXPECT_EQ(f1_above(best_threshold(labels, scores)), best) << round;
  }
}

}  // namespace
}  // namespace pals

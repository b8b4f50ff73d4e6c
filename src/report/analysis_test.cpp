#include "report/analysis.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "kinds/tagged_files.h"
#include "report/details.h"
#include "report/test_runs.h"

namespace pals {
namespace {

using testing_runs::classified;

double metric(const TaskAnalysis& analysis, const std::string& name) {
  for (const MetricFigure& figure : analysis.metrics) {
    if (figure.name == name) return figure.value;
  }
  ADD_FAILURE() << "no " << name;
  return 0.0;
}

TEST(Analysis, OfLabels) {
  TaskPredictions predictions = classified("nli", 40, 10);
  predictions.rows.push_back({.split = "dev", .row = 50, .gold = "perhaps", .prediction = "no"});
  const TaskAnalysis analysis = analyse(predictions, nullptr);
  EXPECT_EQ(analysis.rows, 51);
  EXPECT_EQ(analysis.left_out, 1);
  EXPECT_DOUBLE_EQ(metric(analysis, "accuracy"), 0.8);
  ASSERT_TRUE(analysis.metrics[0].interval);
  EXPECT_NEAR(analysis.metrics[0].interval->low, 0.69, 0.04);
  EXPECT_NEAR(analysis.metrics[0].interval->high, 0.91, 0.04);
  EXPECT_EQ(analysis.baseline.guess, "always no");
  EXPECT_DOUBLE_EQ(analysis.baseline.value, 33.0 / 50);
  ASSERT_EQ(analysis.classes.size(), 2U);
  EXPECT_EQ(analysis.classes[1].scores.gold, 17);
  EXPECT_DOUBLE_EQ(metric(analysis, "f1"), analysis.classes[1].scores.f1());
  EXPECT_DOUBLE_EQ(metric(analysis, "macro_f1"),
                   (analysis.classes[0].scores.f1() + analysis.classes[1].scores.f1()) / 2);
  ASSERT_EQ(analysis.wrong.size(), 10U);
  EXPECT_DOUBLE_EQ(analysis.wrong[0].badness, 0.9);  // sure of the wrong label
  EXPECT_GE(analysis.wrong[0].badness, analysis.wrong[9].badness);
  const OrderedJson json = details_json(analysis);
  EXPECT_EQ(json["per_class"]["yes"]["support"], 17);
  EXPECT_TRUE(json["intervals"]["accuracy"].is_array());
}

TEST(Analysis, TheTasksOwnMetricsComeFirstAndEachFileHasItsOwn) {
  TaskPredictions predictions = classified("nli", 30, 0);
  TaskPredictions more = classified("nli", 0, 30);
  for (PredictionRecord& row : predictions.rows) row.split = "dev_matched";
  for (PredictionRecord& row : more.rows) {
    row.split = "dev_mismatched";
    predictions.rows.push_back(row);
  }
  const Task task{.name = "nli", .labels = {"no", "yes"}, .metrics = {Metric::kMatthews}};
  const TaskAnalysis analysis = analyse(predictions, &task, false);
  EXPECT_EQ(analysis.metrics[0].name, "matthews");
  EXPECT_FALSE(analysis.metrics[0].interval);
  EXPECT_EQ(analysis.metric_names[analysis.main_metric], "matthews");
  EXPECT_DOUBLE_EQ(metric(analysis, "accuracy"), 1.0);
  EXPECT_DOUBLE_EQ(metric(analysis, "accuracy_mismatched"), 0.0);
}

TEST(Analysis, OfValues) {
  TaskPredictions predictions{.head = {.task = "sts", .kind = "regression"}, .rows = {}};
  for (int i = 0; i < 10; ++i) {
    predictions.rows.push_back(
        {.split = "dev", .row = i, .gold = i, .prediction = i + (i == 7 ? 3 : 1)});
  }
  predictions.rows.push_back({.split = "dev", .row = 10, .gold = "x", .prediction = 1});
  const TaskAnalysis analysis = analyse(predictions, nullptr);
  EXPECT_EQ(analysis.left_out, 1);
  EXPECT_DOUBLE_EQ(metric(analysis, "mae"), 1.2);
  EXPECT_DOUBLE_EQ(metric(analysis, "rmse"), std::sqrt(1.8));
  EXPECT_EQ(analysis.values.size(), 10U);
  ASSERT_EQ(analysis.wrong.size(), 1U);
  EXPECT_EQ(analysis.wrong[0].number, 7U);
  EXPECT_EQ(analysis.baseline.metric, "rmse");
  EXPECT_NEAR(analysis.baseline.value, std::sqrt(8.25), 1e-12);
}

TEST(Analysis, OfChoices) {
  TaskPredictions predictions{.head = {.task = "swag", .kind = "multiple_choice"}, .rows = {}};
  for (int i = 0; i < 8; ++i) {
    predictions.rows.push_back({.split = "dev",
                                .row = i,
                                .gold = i % 4,
                                .prediction = i < 6 ? i % 4 : 0,
                                .probabilities = {0.4, 0.2, 0.2, 0.2}});
  }
  const TaskAnalysis analysis = analyse(predictions, nullptr);
  EXPECT_DOUBLE_EQ(metric(analysis, "accuracy"), 0.75);
  EXPECT_EQ(analysis.classes.size(), 4U);
  EXPECT_EQ(analysis.classes_are, "choice");
}

TEST(Analysis, OfAnswers) {
  TaskPredictions predictions{.head = {.task = "qa", .kind = "span"}, .rows = {}};
  predictions.rows = {{.split = "dev",
                       .row = 0,
                       .id = "a",
                       .gold = {"Rome", "in Rome"},
                       .prediction = "rome",
                       .probability = 0.9},
                      {.split = "dev",
                       .row = 1,
                       .id = "b",
                       .gold = {"two words"},
                       .prediction = "two",
                       .probability = 0.4},
                      {.split = "dev",
                       .row = 2,
                       .id = "c",
                       .gold = Json::array(),
                       .prediction = "x",
                       .probability = 0.8},
                      {.split = "dev",
                       .row = 3,
                       .id = "d",
                       .gold = Json::array(),
                       .prediction = "",
                       .probability = 0.7}};
  const TaskAnalysis analysis = analyse(predictions, nullptr);
  EXPECT_DOUBLE_EQ(metric(analysis, "exact_match"), 0.5);
  EXPECT_NEAR(metric(analysis, "f1"), (1 + 2.0 / 3 + 0 + 1) / 4, 1e-12);
  ASSERT_EQ(analysis.wrong.size(), 2U);
  EXPECT_EQ(analysis.wrong[0].number, 2U);
  EXPECT_EQ(analysis.wrong[0].gold, "(no answer)");
  EXPECT_DOUBLE_EQ(analysis.baseline.value, 0.5);
  EXPECT_EQ(analysis.calibration.size(), 10U);
}

TEST(Analysis, OfTags) {
  TaskPredictions predictions{
      .head = {.task = "ner", .kind = "tagging", .labels = {"O", "B-PER", "I-PER", "B-LOC"}},
      .rows = {}};
  predictions.rows = {{.split = "dev",
                       .row = 0,
                       .gold = {"B-PER", "I-PER", "O", "B-LOC"},
                       .prediction = {"B-PER", "I-PER", "O", "O"}},
                      {.split = "dev", .row = 1, .gold = {"O", "O"}, .prediction = {"O", "B-LOC"}},
                      {.split = "dev", .row = 2, .gold = {"O"}, .prediction = {"O", "O"}}};
  const TaskAnalysis analysis = analyse(predictions, nullptr);
  EXPECT_EQ(analysis.left_out, 1);
  EXPECT_DOUBLE_EQ(metric(analysis, "precision"), 0.5);
  EXPECT_DOUBLE_EQ(metric(analysis, "recall"), 0.5);
  EXPECT_DOUBLE_EQ(metric(analysis, "accuracy"), 4.0 / 6);
  EXPECT_EQ(analysis.classes_are, "entity");
  EXPECT_EQ(analysis.wrong.size(), 2U);
  TaggingSettings settings;
  settings.scheme = TagScheme::kPlain;
  const Task task{.name = "ner",
                  .kind = TaskKind::kTagging,
                  .metrics = {Metric::kAccuracy},
                  .settings = settings};
  const TaskAnalysis plain = analyse(predictions, &task);
  EXPECT_EQ(plain.classes_are, "tag");
  EXPECT_EQ(plain.classes.size(), 4U);
}

TEST(Analysis, OfLabelSets) {
  TaskPredictions predictions{
      .head = {.task = "topics", .kind = "multi_label", .labels = {"a", "b"}}, .rows = {}};
  predictions.rows = {
      {.split = "dev", .row = 0, .gold = {"a"}, .prediction = {"a"}, .probabilities = {0.9, 0.1}},
      {.split = "dev",
       .row = 1,
       .gold = Json::array(),
       .prediction = {"b"},
       .probabilities = {0.2, 0.6}},
      {.split = "dev",
       .row = 2,
       .gold = {"a", "b"},
       .prediction = {"a"},
       .probabilities = {0.8, 0.05}}};
  const TaskAnalysis analysis = analyse(predictions, nullptr);
  EXPECT_DOUBLE_EQ(metric(analysis, "micro_f1"), 2.0 * 2 / (3 + 3));
  EXPECT_DOUBLE_EQ(metric(analysis, "subset_accuracy"), 1.0 / 3);
  ASSERT_EQ(analysis.wrong.size(), 2U);
  EXPECT_EQ(analysis.wrong[0].number, 2U);
  EXPECT_NEAR(analysis.wrong[0].badness, 0.95, 1e-12);
  EXPECT_EQ(analysis.wrong[1].gold, "(none)");
}

TEST(Analysis, RefusesWhatItDoesNotKnow) {
  TaskPredictions predictions = classified("nli", 2, 2);
  predictions.head.kind = "riddle";
  EXPECT_THROW(analyse(predictions, nullptr), Error);
  predictions = classified("nli", 2, 2);
  predictions.head.labels.resize(kMostLabels + 1);
  EXPECT_THROW(analyse(predictions, nullptr), Error);
  predictions = classified("nli", 0, 0);
  const TaskAnalysis none = analyse(predictions, nullptr);
  EXPECT_TRUE(none.metrics.empty());
}

}  // namespace
}  // namespace pals

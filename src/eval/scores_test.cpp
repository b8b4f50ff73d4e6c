#include "eval/scores.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/error.h"

namespace pals {
namespace {

Task classification(const std::string& name, std::vector<std::string> labels,
                    std::vector<Metric> metrics) {
  Task task;
  task.name = name;
  task.labels = std::move(labels);
  task.metrics = std::move(metrics);
  return task;
}

Task similarity() {
  Task task;
  task.name = "sts";
  task.kind = TaskKind::kRegression;
  task.metrics = {Metric::kPearson, Metric::kSpearman};
  task.label_scale = 5.0;
  return task;
}

SplitPredictions classes(const std::string& split, std::vector<int32_t> labels,
                         std::vector<int32_t> predictions, double loss) {
  SplitPredictions made;
  made.split = split;
  made.labels = std::move(labels);
  made.predictions = std::move(predictions);
  made.loss = loss;
  return made;
}

TEST(Scores, AverageTheMetricsOfATask) {
  const Task task = classification("mrpc", {"0", "1"}, {Metric::kAccuracy, Metric::kF1});
  const std::vector<SplitPredictions> splits = {classes("dev", {1, 1, 0, 0}, {1, 0, 0, 0}, 0.5)};
  const TaskScores scores = score_task(task, splits);
  ASSERT_EQ(scores.metrics.size(), 2U);
  EXPECT_EQ(scores.metrics[0].first, "accuracy");
  EXPECT_DOUBLE_EQ(scores.metrics[0].second, 0.75);
  EXPECT_EQ(scores.metrics[1].first, "f1");
  EXPECT_DOUBLE_EQ(scores.metrics[1].second, 2.0 / 3.0);
  EXPECT_DOUBLE_EQ(scores.score, (0.75 + 2.0 / 3.0) / 2.0);
  EXPECT_EQ(scores.examples, 4);
  EXPECT_DOUBLE_EQ(scores.loss, 0.5);
}

TEST(Scores, CoverBothDevSetsOfMnli) {
  const Task task = classification("mnli", {"a", "b", "c"}, {Metric::kAccuracy});
  const std::vector<SplitPredictions> splits = {
      classes("dev_matched", {0, 1}, {0, 1}, 1.0),
      classes("dev_mismatched", {0, 1, 2, 2, 2, 2}, {0, 1, 2, 0, 0, 0}, 2.0)};
  const TaskScores scores = score_task(task, splits);
  ASSERT_EQ(scores.metrics.size(), 2U);
  EXPECT_EQ(scores.metrics[0], std::make_pair(std::string("accuracy"), 1.0));
  EXPECT_EQ(scores.metrics[1], std::make_pair(std::string("accuracy_mismatched"), 0.5));
  EXPECT_DOUBLE_EQ(scores.score, 0.75);
  EXPECT_EQ(scores.examples, 8);
  EXPECT_DOUBLE_EQ(scores.loss, (2 * 1.0 + 6 * 2.0) / 8.0);
}

TEST(Scores, CountAnUndefinedCorrelationAsZero) {
  SplitPredictions split;
  split.split = "dev";
  split.label_values = {0.2, 0.4, 0.8};
  split.predicted_values = {0.5, 0.5, 0.5};
  const std::vector<TaskScores> scores = {score_task(similarity(), {&split, 1})};
  EXPECT_TRUE(std::isnan(scores[0].metrics[0].second));
  EXPECT_EQ(scores[0].score, 0.0);
  const OrderedJson json = scores_to_json(scores);
  EXPECT_TRUE(json["tasks"]["sts"]["pearson"].is_null());
  EXPECT_EQ(json["average"], 0.0);
}

TEST(Scores, ReportRegressionInTheUnitsOfTheFiles) {
  EXPECT_DOUBLE_EQ(reported_value(similarity(), 0.5), 2.5);
}

TEST(Scores, RefuseMetricsThatDoNotFit) {
  EXPECT_THROW(check_metrics(classification("a", {"x", "y"}, {Metric::kPearson})), Error);
  EXPECT_THROW(check_metrics(classification("a", {"x", "y"}, {})), Error);
  Task regression = similarity();
  regression.metrics = {Metric::kAccuracy};
  EXPECT_THROW(check_metrics(regression), Error);
  try {
    check_metrics(classification("own", {"x", "y", "z"}, {Metric::kF1}));
    FAIL() << "f1 over three classes was accepted";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("task own"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("3"), std::string::npos);
  }
}

TEST(Scores, RefuseNothing) {
  const Task task = classification("rte", {"0", "1"}, {Metric::kAccuracy});
  EXPECT_THROW(score_task(task, {}), Error);
  const SplitPredictions empty = classes("dev", {}, {}, 0.0);
  EXPECT_THROW(score_task(task, {&empty, 1}), Error);
}

std::vector<TaskScores> two_tasks() {
  const Task rte = classification("rte", {"0", "1"}, {Metric::kAccuracy});
  const Task cola = classification("cola", {"0", "1"}, {Metric::kMatthews});
  const SplitPredictions rte_split = classes("dev", {0, 1}, {0, 0}, 0.7);
  const SplitPredictions cola_split = classes("dev", {0, 1}, {0, 1}, 0.1);
  return {score_task(rte, {&rte_split, 1}), score_task(cola, {&cola_split, 1})};
}

TEST(Scores, WriteJsonInTheOrderOfTheTasks) {
  EXPECT_EQ(json_text(scores_to_json(two_tasks()), -1),
            R"({"average":0.75,"tasks":{"rte":{"accuracy":0.5,"loss":0.7},)"
            R"("cola":{"matthews":1.0,"loss":0.1}}})");
  EXPECT_EQ(average_score({}), 0.0);
}

TEST(Scores, WriteATable) {
  EXPECT_EQ(scores_table(two_tasks()),
            "task     metrics           score    loss  examples\n"
            "--------------------------------------------------\n"
            "rte      accuracy 0.5000  0.5000  0.7000         2\n"
            "cola     matthews 1.0000  1.0000  0.1000         2\n"
            "--------------------------------------------------\n"
            "average                   0.7500\n");
}

}  // namespace
}  // namespace pals

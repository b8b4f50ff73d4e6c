#include "eval/scores.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
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

TEST(Scores, AverageTheMetricsOfATask) {
  const Task task = classification("mrpc", {"0", "1"}, {Metric::kAccuracy, Metric::kF1});
  const std::vector<SplitScores> splits = {{"dev", {0.75, 2.0 / 3.0}, 0.5, 4}};
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
  const std::vector<SplitScores> splits = {{"dev_matched", {1.0}, 1.0, 2},
                                           {"dev_mismatched", {0.5}, 2.0, 6}};
  const TaskScores scores = score_task(task, splits);
  ASSERT_EQ(scores.metrics.size(), 2U);
  EXPECT_EQ(scores.metrics[0], std::make_pair(std::string("accuracy"), 1.0));
  EXPECT_EQ(scores.metrics[1], std::make_pair(std::string("accuracy_mismatched"), 0.5));
  EXPECT_DOUBLE_EQ(scores.score, 0.75);
  EXPECT_EQ(scores.examples, 8);
  EXPECT_DOUBLE_EQ(scores.loss, (2 * 1.0 + 6 * 2.0) / 8.0);
}

TEST(Scores, CountAnUndefinedCorrelationAsZero) {
  const double undefined = std::numeric_limits<double>::quiet_NaN();
  const SplitScores split{"dev", {undefined, undefined}, 0.0, 3};
  const std::vector<TaskScores> scores = {score_task(similarity(), {&split, 1})};
  EXPECT_TRUE(std::isnan(scores[0].metrics[0].second));
  EXPECT_EQ(scores[0].score, 0.0);
  const OrderedJson json = scores_to_json(scores);
  EXPECT_TRUE(json["tasks"]["sts"]["pearson"].is_null());
  EXPECT_EQ(json["average"], 0.0);
}

TEST(Scores, RefuseNothing) {
  const Task task = classification("rte", {"0", "1"}, {Metric::kAccuracy});
  EXPECT_THROW(score_task(task, {}), Error);
  EXPECT_THROW(score_task(classification("a", {"x", "y"}, {}), {}), Error);
  const SplitScores empty{"dev", {0.0}, 0.0, 0};
  EXPECT_THROW(score_task(task, {&empty, 1}), Error);
}

std::vector<TaskScores> two_tasks() {
  const Task rte = classification("rte", {"0", "1"}, {Metric::kAccuracy});
  const Task cola = classification("cola", {"0", "1"}, {Metric::kMatthews});
  const SplitScores rte_split{"dev", {0.5}, 0.7, 2};
  const SplitScores cola_split{"dev", {1.0}, 0.1, 2};
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

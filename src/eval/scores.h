// What an evaluation reports: each task's metrics, loss and score, and their average.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "eval/answer_metrics.h"
#include "tasks/task.h"

namespace pals {

/// What a model said about one evaluated file. Classification and multiple choice fill the indices
/// of classes and choices, regression the values, which are in the model's units (value /
/// label_scale), a span task the scores of its answers.
struct SplitPredictions {
  std::string split;  ///< "dev", "dev_matched", ...
  std::vector<int32_t> labels;
  std::vector<int32_t> predictions;
  std::vector<double> label_values;
  std::vector<double> predicted_values;
  std::vector<AnswerScore> answers;
  double loss = 0.0;  ///< mean over the examples
};

/// One task's results, over all its evaluated files.
struct TaskScores {
  std::string task;
  std::vector<std::pair<std::string, double>> metrics;  ///< name and value, in the task's order
  double loss = 0.0;                                    ///< mean over the examples of all files
  int64_t examples = 0;
  double score = 0.0;  ///< mean of the metrics; an undefined (NaN) correlation counts as 0
};

/// Throws Error if the task has no metric or one that does not fit it (metric_problem).
void check_metrics(const Task& task);

/// Computes a task's metrics over each file. A metric is named as metric_name() says; behind it
/// stands
/// "_" and what follows "_" in the split's name, unless that is "matched": MNLI has "accuracy"
/// (dev_matched) and "accuracy_mismatched", and its score is the mean of both.
/// Throws Error as check_metrics does, and for no files or no examples.
TaskScores score_task(const Task& task, std::span<const SplitPredictions> splits);

/// A value of a regression task's head in the units of its data files: times label_scale.
double reported_value(const Task& task, double value);

/// The mean of the tasks' scores; 0 without tasks.
double average_score(std::span<const TaskScores> scores);

/// {"average": x, "tasks": {"rte": {"accuracy": x, "loss": x}, ...}}; undefined values are null.
OrderedJson scores_to_json(std::span<const TaskScores> scores);

/// The same as a table for the terminal.
std::string scores_table(std::span<const TaskScores> scores);

}  // namespace pals

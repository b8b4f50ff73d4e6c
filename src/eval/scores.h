// What an evaluation reports: each task's metrics, loss and score, and their average.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "tasks/task.h"

namespace pals {

/// How well a model did on one evaluated file.
struct SplitScores {
  std::string split;            ///< "dev", "dev_matched", ...
  std::vector<double> metrics;  ///< of each of the task's metrics
  double loss = 0.0;            ///< mean over the examples
  int64_t examples = 0;         ///< that were scored
};

/// One task's results, over all its evaluated files.
struct TaskScores {
  std::string task;
  std::vector<std::pair<std::string, double>> metrics;  ///< name and value, in the task's order
  double loss = 0.0;                                    ///< mean over the examples of all files
  int64_t examples = 0;
  /// Mean of the metrics; an undefined (NaN) correlation counts as 0, an error e of values as
  /// 1 - e / label_scale, but no lower than -1.
  double score = 0.0;
};

/// Puts a task's files together. A metric is named as metric_name() says; behind it stands "_" and
/// what follows "_" in the split's name, unless that is "matched": MNLI has "accuracy"
/// (dev_matched) and "accuracy_mismatched", and its score is the mean of both.
/// metric_of_split() is that name.
/// Throws Error for a task without metrics, no files or no examples.
TaskScores score_task(const Task& task, std::span<const SplitScores> splits);

std::string metric_of_split(const std::string& metric, const std::string& split);

/// The mean of the tasks' scores; 0 without tasks.
double average_score(std::span<const TaskScores> scores);

/// {"average": x, "tasks": {"rte": {"accuracy": x, "loss": x}, ...}}; undefined values are null.
OrderedJson scores_to_json(std::span<const TaskScores> scores);

/// The same as a table for the terminal.
std::string scores_table(std::span<const TaskScores> scores);

}  // namespace pals

// What the predictions of a development set show: figures with intervals, classes, calibration,
// residuals and the worst rows. `pals eval`, the page of a run and comparisons read the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "eval/bootstrap.h"
#include "eval/calibration.h"
#include "eval/class_scores.h"
#include "runlog/predictions.h"
#include "tasks/task.h"

namespace pals {

/// A metric over one file, as metric_of_split() names it.
struct MetricFigure {
  std::string name;
  double value = 0.0;                     ///< NaN if undefined
  std::optional<Interval> interval = {};  ///< 95 %, over resampled rows
};

struct ClassFigure {
  std::string label;
  ClassScores scores;
};

/// What a guess without a look at the text would get.
struct Baseline {
  std::string guess;  ///< "always not_entailment"; empty: there is none
  std::string metric;
  double value = 0.0;
};

/// A row that was predicted wrong; of values, one that is off by more than their RMSE.
struct WrongRow {
  size_t number = 0;     ///< among the predictions' rows
  double badness = 0.0;  /// the worse the higher; of values how far they are off
  std::string gold, prediction;
  std::optional<double> probability = {};       ///< of what was predicted
  std::optional<double> gold_probability = {};  ///< of what was given
  std::string measure = {};                     ///< how bad it is, for a reader; may be empty
};

struct TaskAnalysis {
  std::string task, kind;
  int64_t rows = 0;      ///< that were read
  int64_t left_out = 0;  ///< of them such as make no sense (a label that the task does not have)
  std::vector<MetricFigure> metrics;
  Baseline baseline;
  std::string classes_are = {};  ///< "label", "tag", "entity", "choice"; empty: there are none
  std::vector<ClassFigure> classes = {};
  std::vector<std::string> matrix_labels = {};  ///< of the matrix' rows and columns
  std::optional<ConfusionMatrix> matrix = {};
  std::string probabilities_are = {};  ///< of what the calibration is; empty: there is none
  std::vector<CalibrationBin> calibration = {};
  std::vector<std::pair<double, double>> values = {};  ///< of a regression: given, predicted
  std::vector<WrongRow> wrong = {};                    ///< the worst first
  std::string wrong_order = {};                        ///< what that means: "ordered by ..."

  // For resampling.
  std::vector<std::string> metric_names = {};
  size_t main_metric = 0;    ///< the first that the task is measured by
  Statistic statistic = {};  ///< the metrics over some of the predictions' rows
  std::vector<std::pair<std::string, std::vector<uint32_t>>> splits = {};  ///< their rows
};

/// Analyses a task's predictions. `task`: what is known of it beyond them, or null; it decides
/// which metrics come first and how entities are found. `intervals`: whether metrics get one.
/// Throws Error "task x: ..." for a kind that is not known and for more labels than a page can
/// show.
TaskAnalysis analyse(const TaskPredictions& predictions, const Task* task, bool intervals = true);

/// More labels than these are not analysed.
inline constexpr size_t kMostLabels = 1000;

}  // namespace pals

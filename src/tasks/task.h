// What a task is: its texts, its labels, its metrics and where its data lies. One row a task.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tasks/squad.h"

namespace pals {

enum class TaskKind { kClassification, kRegression, kSpan, kMultipleChoice };

enum class Metric { kAccuracy, kF1, kMatthews, kPearson, kSpearman, kExactMatch };

/// The name of a metric as it stands in reports: accuracy, f1, matthews, pearson, spearman,
/// exact_match. F1 is that of the second of two classes, or, for a span, of the answers' words.
const char* metric_name(Metric metric);

/// The metric of that name, or nothing.
std::optional<Metric> metric_from_name(std::string_view name);

/// All metric names, in the order of Metric.
const std::vector<std::string>& metric_names();

/// What tasks of that kind can be measured by.
const std::vector<Metric>& possible_metrics(TaskKind kind);

/// What they are measured by unless they say otherwise.
const std::vector<Metric>& usual_metrics(TaskKind kind);

/// "classification", "regression", "span" or "multiple_choice".
const char* kind_name(TaskKind kind);

/// The kind of that name, or nothing.
std::optional<TaskKind> kind_from_name(std::string_view name);

/// All names of kinds, in the order of TaskKind.
const std::vector<std::string>& kind_names();

enum class FileFormat { kTsv, kCsv, kJsonl, kSquad };

/// "tsv", "csv", "jsonl" or "squad".
const char* format_name(FileFormat format);

/// A column, by zero-based number or by name in the header (or key, for JSONL). Negative numbers
/// count from the end (-1 is the last column).
struct Column {
  std::optional<int> number = {};
  std::string name;

  bool operator==(const Column&) const = default;
};

/// One file of examples and how to read it.
struct DataFile {
  std::string split;      ///< "train", "dev" or "test"; MNLI has "dev_matched" and "dev_mismatched"
  std::string path = {};  ///< relative to the data folder (GLUE); absolute for a user's own tasks
  FileFormat format = FileFormat::kTsv;
  bool header = false;
  Column text_a = {};                 ///< multiple choice: the context
  std::optional<Column> text_b = {};  ///< multiple choice: the text that every choice goes on with
  std::optional<Column> label = {};   ///< none for test files
  std::vector<Column> choices = {};   ///< multiple choice; one key of JSONL holds a list of them
  /// Rows of another width are skipped and counted (QQP).
  std::optional<int> required_columns = {};

  bool operator==(const DataFile&) const = default;

  /// Whether the rows are for training (and not for evaluation or prediction).
  bool is_training() const { return split.starts_with("train"); }
};

/// One task. `labels` are the classes in the order of their indices; empty for other kinds.
struct Task {
  std::string name;
  TaskKind kind = TaskKind::kClassification;
  std::vector<std::string> labels = {};
  std::vector<Metric> metrics = {};
  double label_scale = 1.0;  ///< regression targets are value / label_scale (STS-B: 5)
  SpanOptions span = {};
  std::vector<DataFile> files = {};
  /// What a task file says of the task's adapter, JSON that is checked where adapters are known;
  /// empty: nothing.
  std::string adapter = {};

  bool operator==(const Task&) const = default;

  /// Outputs of the head: one for each class; for a span 2 for each token, its start and its end;
  /// else 1, for a regression's value or the score of a choice.
  int64_t num_outputs() const {
    if (kind == TaskKind::kClassification) return static_cast<int64_t>(labels.size());
    return kind == TaskKind::kSpan ? 2 : 1;
  }
};

/// Why the task cannot be measured by the metric, with what to do; empty if it can.
std::string metric_problem(Metric metric, const Task& task);

/// The files of `kind` ("train", "dev" or "test") and its variants ("dev_matched"), in task order.
std::vector<const DataFile*> files_of(const Task& task, std::string_view kind);

/// The file of exactly that split, or nullptr.
const DataFile* find_file(const Task& task, std::string_view split);

/// One row of text. `label` is a class index, or in multiple choice the number of the right choice;
/// `value` a regression target, already divided by the task's label_scale.
struct Example {
  std::string text_a;
  std::string text_b;                     ///< empty: a single text
  std::vector<std::string> choices = {};  ///< multiple choice: each goes on from text_b
  int32_t label = -1;
  float value = 0.0F;
};

/// The examples of one file, and how many of its rows were skipped.
struct ExampleSet {
  std::vector<Example> examples;  ///< empty for a span task
  QuestionSet questions;          ///< empty for other tasks
  int64_t skipped = 0;
};

}  // namespace pals

// What a task is: its texts, its labels, its metrics and where its data lies. One row a task.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pals {

enum class TaskKind { kClassification, kRegression };

enum class Metric { kAccuracy, kF1, kMatthews, kPearson, kSpearman };

/// The name of a metric as it stands in reports: accuracy, f1, matthews, pearson, spearman.
const char* metric_name(Metric metric);

/// The metric of that name, or nothing.
std::optional<Metric> metric_from_name(std::string_view name);

/// All metric names, in the order of Metric.
const std::vector<std::string>& metric_names();

/// "classification" or "regression".
const char* kind_name(TaskKind kind);

enum class FileFormat { kTsv, kCsv, kJsonl };

/// "tsv", "csv" or "jsonl".
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
  Column text_a = {};
  std::optional<Column> text_b = {};
  std::optional<Column> label = {};  ///< none for test files
  /// Rows of another width are skipped and counted (QQP).
  std::optional<int> required_columns = {};

  bool operator==(const DataFile&) const = default;
};

/// One task. `labels` are the classes in the order of their indices; empty for regression.
struct Task {
  std::string name;
  TaskKind kind = TaskKind::kClassification;
  std::vector<std::string> labels = {};
  std::vector<Metric> metrics = {};
  double label_scale = 1.0;  ///< regression targets are value / label_scale (STS-B: 5)
  std::vector<DataFile> files = {};

  bool operator==(const Task&) const = default;

  /// Outputs of the head: the number of classes, or 1.
  int64_t num_outputs() const {
    return kind == TaskKind::kRegression ? 1 : static_cast<int64_t>(labels.size());
  }
};

/// The files of `kind` ("train", "dev" or "test") and its variants ("dev_matched"), in task order.
std::vector<const DataFile*> files_of(const Task& task, std::string_view kind);

/// The file of exactly that split, or nullptr.
const DataFile* find_file(const Task& task, std::string_view split);

/// One row of text. `label` is a class index; `value` a regression target, already divided by the
/// task's label_scale.
struct Example {
  std::string text_a;
  std::string text_b;  ///< empty: a single text
  int32_t label = -1;
  float value = 0.0F;
};

/// The examples of one file, and how many rows were skipped.
struct ExampleSet {
  std::vector<Example> examples;
  int64_t skipped = 0;
};

}  // namespace pals

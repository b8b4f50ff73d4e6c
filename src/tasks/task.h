// What a task is: its texts, its labels, its metrics and where its data lies. One row a task.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pals {

enum class TaskKind { kClassification, kRegression };

enum class Metric { kAccuracy, kF1, kMatthews, kPearson, kSpearman };

/// The name of a metric as it stands in reports: accuracy, f1, matthews, pearson, spearman.
const char* metric_name(Metric metric);

enum class FileFormat { kTsv, kCsv, kJsonl };

/// A column, by zero-based number or by name in the header (or key, for JSONL). Negative numbers
/// count from the end (-1 is the last column).
struct Column {
  std::optional<int> number;
  std::string name;
};

/// One file of examples and how to read it.
struct DataFile {
  std::string split;  ///< "train", "dev" or "test"; MNLI has "dev_matched" and "dev_mismatched"
  std::string path;   ///< relative to the data folder (GLUE) or to the task file (own tasks)
  FileFormat format = FileFormat::kTsv;
  bool header = false;
  Column text_a;
  std::optional<Column> text_b;
  std::optional<Column> label;          ///< none for test files
  std::optional<int> required_columns;  ///< rows of another width are skipped and counted (QQP)
};

/// One task. `labels` are the classes in the order of their indices; empty for regression.
struct Task {
  std::string name;
  TaskKind kind = TaskKind::kClassification;
  std::vector<std::string> labels;
  std::vector<Metric> metrics;
  double label_scale = 1.0;  ///< regression targets are value / label_scale (STS-B: 5)
  std::vector<DataFile> files;

  /// Outputs of the head: the number of classes, or 1.
  int64_t num_outputs() const {
    return kind == TaskKind::kRegression ? 1 : static_cast<int64_t>(labels.size());
  }
};

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

// What a task is: its texts, its labels, its metrics and where its data lies. One row a task.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tasks/kind_settings.h"
#include "tasks/loss_settings.h"
#include "tasks/squad.h"
#include "tasks/task_kind.h"

namespace pals {

/// What tasks are measured by.
enum class Metric {
  kAccuracy,
  kF1,  ///< of the second of two classes, of a span's answers' words, of a tagging's entities
  kMatthews,
  kPearson,
  kSpearman,
  kExactMatch,
  kMicroF1,         ///< multi-label: of all labels of all texts together
  kMacroF1,         ///< the mean over the labels, or over the classes of a classification
  kSubsetAccuracy,  ///< the share of texts whose labels are all right
  kMap,             ///< mean average precision
  kPrecision,       ///< tagging: of the entities, as F1
  kRecall,
  kMae,  ///< regression: the mean absolute error, in the units of the data
  kRmse  ///< regression: the root of the mean squared error, the same
};

/// Whether a lower value is better.
constexpr bool is_error(Metric metric) { return metric == Metric::kMae || metric == Metric::kRmse; }

/// The name of a metric as it stands in reports: accuracy, f1, matthews, ...
const char* metric_name(Metric metric);

/// The metric of that name, or nothing.
std::optional<Metric> metric_from_name(std::string_view name);

/// All metric names, in the order of Metric.
const std::vector<std::string>& metric_names();

enum class FileFormat { kTsv, kCsv, kJsonl, kSquad, kConll, kConllu };

/// "tsv", "csv", "jsonl", "squad", "conll" or "conllu".
const char* format_name(FileFormat format);

/// The format that a file's ending tells, in letters of any case: .tsv, .csv, .jsonl, .ndjson,
/// .conll, .conllu; with .gz or .zst behind it, too.
std::optional<FileFormat> format_of_name(std::string_view path);

/// The name without .gz or .zst at its end, in lower case.
std::string unpacked_name(std::string_view path);

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
  /// Multi-label, in place of `label`: a column of 0 and 1 for each label.
  std::vector<Column> label_columns = {};
  /// Rows of another width are skipped and counted (QQP).
  std::optional<int> required_columns = {};
  bool header_known = false;  ///< said by somebody: rows are not asked whether they look like one
  std::vector<std::string> unlabelled = {};  ///< labels of rows that are left out

  bool operator==(const DataFile&) const = default;

  /// Whether the rows are for training (and not for evaluation or prediction).
  bool is_training() const { return split.starts_with("train"); }
};

/// One task. `labels` are the classes in the order of their indices; empty for other kinds.
struct Task {
  std::string name;
  TaskKind kind = {};
  std::vector<std::string> labels = {};
  std::vector<Metric> metrics = {};
  double label_scale = 1.0;  ///< regression targets are value / label_scale (STS-B: 5)
  LossSettings loss = {};
  KindSettings settings = {};  ///< what the kind alone knows (span: SpanOptions)
  std::vector<DataFile> files = {};
  /// What a task file says of the task's adapter, JSON that is checked where adapters are known;
  /// empty: nothing.
  std::string adapter = {};

  bool operator==(const Task&) const = default;
};

/// The files of `kind` ("train", "dev" or "test") and its variants ("dev_matched"), in task order.
std::vector<const DataFile*> files_of(const Task& task, std::string_view kind);

/// The file of exactly that split, or nullptr.
const DataFile* find_file(const Task& task, std::string_view split);

/// One row of text, and what a head is to learn of it: numbers that the kind of the task gives
/// their meaning (the class, the value, the right choice, a tag for each word).
struct Example {
  std::string text_a;
  std::string text_b;                     ///< empty: a single text
  std::vector<std::string> choices = {};  ///< multiple choice: each goes on from text_b
  std::vector<float> targets = {};
};

/// The examples of one file, and how many of its rows were skipped.
struct ExampleSet {
  std::vector<Example> examples;  ///< empty for a span task
  QuestionSet questions;          ///< empty for other tasks
  int64_t skipped = 0;
  std::vector<std::string> notes = {};  ///< for the user: what is odd about the file, a line each
};

}  // namespace pals

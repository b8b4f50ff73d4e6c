#include "predict/submission.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/text_util.h"
#include "catalog/reader.h"
#include "checkpoint/zip.h"
#include "kinds/kind.h"
#include "predict/predictor.h"
#include "predict/windows.h"
#include "tasks/glue.h"

namespace pals {
namespace {

constexpr int64_t kWindowBatches = 64;

const Task& glue_task(const std::string& name) {
  const auto found = std::ranges::find(glue_tasks(), name, &Task::name);
  if (found == glue_tasks().end()) throw std::logic_error("no GLUE task " + name);
  return *found;
}

const DataFile& test_file(const SubmissionFile& file) {
  const DataFile* found = find_file(glue_task(file.task), file.split);
  if (found == nullptr) throw std::logic_error("no GLUE file for " + file.name);
  return *found;
}

/// The model's task for a file, or why it has none.
struct ModelTask {
  int index = -1;
  std::string missing;
};

ModelTask find_model_task(const std::vector<Task>& tasks, const std::string& name) {
  const auto found = std::ranges::find(tasks, name, &Task::name);
  if (found == tasks.end()) return {-1, concat("the model has no task ", name)};
  const Task& glue = glue_task(name);
  const std::set<std::string> labels(found->labels.begin(), found->labels.end());
  const bool same = found->kind == glue.kind &&
                    labels == std::set<std::string>(glue.labels.begin(), glue.labels.end());
  if (!same) return {-1, concat("the model's task ", name, " has other labels than GLUE's")};
  return {static_cast<int>(found - tasks.begin()), ""};
}

/// "index<tab>prediction" with a row for each prediction.
class SubmissionText {
 public:
  void add(const std::string& prediction) { text_ += concat(rows_++, "\t", prediction, "\n"); }
  std::string take() { return std::move(text_); }
  int64_t rows() const { return rows_; }

 private:
  std::string text_ = "index\tprediction\n";
  int64_t rows_ = 0;
};

void predict_file(const PredictingModel& model, int task, const std::string& path,
                  const SubmissionFile& file, const PredictorOptions& options,
                  SubmissionText& text) {
  const Predictor predictor(model, {task}, options);
  WindowReader reader(open_table(path, test_file(file), options.stop), model.rules.tokenizer,
                      model.rules.max_seq_length, kWindowBatches * options.batch_size,
                      predictor.forms(), options.stop);
  Progress progress(
      {.label = file.name, .unit = "rows", .total = static_cast<uint64_t>(file.rows)});
  while (const std::optional<EncodedRows> window = reader.next()) {
    for (const Prediction& prediction : predictor.predict(*window)) {
      const Task& asked = *predictor.tasks().front();
      text.add(kind_of(asked).submitted(asked, prediction));
    }
    progress.update(static_cast<uint64_t>(text.rows()));
  }
}

int64_t count_rows(const std::string& path, const SubmissionFile& file) {
  const std::unique_ptr<TextInput> rows = open_table(path, test_file(file));
  InputRow row;
  int64_t count = 0;
  while (rows->next(row)) ++count;
  return count;
}

SubmissionEntry make_entry(const PredictingModel& model, const SubmissionFile& file,
                           const std::string& data_dir, const PredictorOptions& options,
                           bool fill_missing) {
  SubmissionEntry entry;
  entry.file = &file;
  const std::string path = data_path(test_file(file), data_dir);
  const bool has_data = file_exists(path);
  const ModelTask task = find_model_task(model.tasks, file.task);
  entry.missing = task.index >= 0 && !has_data ? concat("there is no ", path) : task.missing;
  SubmissionText text;
  if (entry.missing.empty()) {
    predict_file(model, task.index, path, file, options, text);
    entry.predicted = true;
  } else if (fill_missing) {
    const int64_t rows = has_data ? count_rows(path, file) : file.rows;
    while (text.rows() < rows) text.add(file.majority);
  } else {
    return entry;
  }
  entry.rows = text.rows();
  entry.text = text.take();
  if (entry.rows != file.rows) {
    log_warning(path, ": ", counted(entry.rows, "row"), ", but GLUE's test set has ", file.rows,
                ": its server will not take ", file.name);
  }
  return entry;
}

}  // namespace

const std::vector<SubmissionFile>& submission_files() {
  static const std::vector<SubmissionFile> files = {
      {"CoLA.tsv", "cola", "test", 1063, "1"},
      {"SST-2.tsv", "sst", "test", 1821, "1"},
      {"MRPC.tsv", "mrpc", "test", 1725, "1"},
      {"STS-B.tsv", "sts", "test", 1379, "2.700"},
      {"QQP.tsv", "qqp", "test", 390965, "0"},
      {"MNLI-m.tsv", "mnli", "test_matched", 9796, "contradiction"},
      {"MNLI-mm.tsv", "mnli", "test_mismatched", 9847, "contradiction"},
      {"QNLI.tsv", "qnli", "test", 5463, "entailment"},
      {"RTE.tsv", "rte", "test", 3000, "entailment"},
      {"WNLI.tsv", "wnli", "test", 146, "0"},
      {"AX.tsv", "mnli", "test_ax", 1104, "contradiction"},
  };
  return files;
}

std::vector<SubmissionEntry> make_submission(const PredictingModel& model,
                                             const std::string& data_dir,
                                             const PredictorOptions& options, bool fill_missing) {
  std::vector<SubmissionEntry> entries;
  for (const SubmissionFile& file : submission_files()) {
    entries.push_back(make_entry(model, file, data_dir, options, fill_missing));
  }
  return entries;
}

void write_submission(const std::string& path, const std::vector<SubmissionEntry>& entries) {
  ZipWriter zip(path);
  for (const SubmissionEntry& entry : entries) {
    if (!entry.text.empty()) zip.add(entry.file->name, entry.text);
  }
  zip.commit();
}

}  // namespace pals

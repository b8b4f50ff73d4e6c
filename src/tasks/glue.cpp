#include "tasks/glue.h"

#include <string>
#include <utility>

namespace pals {
namespace {

constexpr int kLast = -1;

/// Where the texts stand in a row. Test files number their columns differently.
struct Texts {
  int a;
  std::optional<int> b = std::nullopt;
};

Column column(int number) { return {number, ""}; }

/// A file with labels. GLUE's files have a header, CoLA's train and dev excepted.
DataFile labelled(std::string split, std::string path, Texts texts, int label, bool header = true) {
  DataFile file{.split = std::move(split), .path = std::move(path)};
  file.header = header;
  file.header_known = true;
  file.text_a = column(texts.a);
  if (texts.b) file.text_b = column(*texts.b);
  file.label = column(label);
  return file;
}

/// A test file: an index first, no labels, always a header.
DataFile unlabelled(std::string split, std::string path, Texts texts) {
  DataFile file = labelled(std::move(split), std::move(path), texts, kLast);
  file.label.reset();
  return file;
}

/// The three files of a task whose train and dev look alike.
std::vector<DataFile> three_files(const std::string& folder, Texts texts, int label,
                                  Texts test_texts, bool header = true) {
  return {labelled("train", folder + "/train.tsv", texts, label, header),
          labelled("dev", folder + "/dev.tsv", texts, label, header),
          unlabelled("test", folder + "/test.tsv", test_texts)};
}

/// Quora questions contain stray tabs: as in the reference, rows of another width are skipped.
std::vector<DataFile> qqp_files() {
  std::vector<DataFile> files = three_files("QQP", {3, 4}, kLast, {1, 2});
  for (DataFile& file : files) {
    if (file.label) file.required_columns = 6;
  }
  return files;
}

/// MNLI has two dev and two test sets, and the diagnostic set AX is a third test file of it.
std::vector<DataFile> mnli_files() {
  return {labelled("train", "MNLI/train.tsv", {8, 9}, kLast),
          labelled("dev_matched", "MNLI/dev_matched.tsv", {8, 9}, kLast),
          labelled("dev_mismatched", "MNLI/dev_mismatched.tsv", {8, 9}, kLast),
          unlabelled("test_ax", "AX/diagnostic.tsv", {1, 2}),
          unlabelled("test_matched", "MNLI/test_matched.tsv", {8, 9}),
          unlabelled("test_mismatched", "MNLI/test_mismatched.tsv", {8, 9})};
}

Task classification(std::string name, std::vector<std::string> labels, std::vector<Metric> metrics,
                    std::vector<DataFile> files) {
  return {.name = std::move(name),
          .kind = TaskKind::kClassification,
          .labels = std::move(labels),
          .metrics = std::move(metrics),
          .files = std::move(files)};
}

Task regression(std::string name, double scale, std::vector<DataFile> files) {
  return {.name = std::move(name),
          .kind = TaskKind::kRegression,
          .labels = {},
          .metrics = {Metric::kPearson, Metric::kSpearman},
          .label_scale = scale,
          .files = std::move(files)};
}

}  // namespace

const std::vector<Task>& glue_tasks() {
  using enum Metric;
  static const std::vector<Task> tasks = {
      classification("cola", {"0", "1"}, {kMatthews}, three_files("CoLA", {3}, 1, {1}, false)),
      classification("mrpc", {"0", "1"}, {kAccuracy, kF1}, three_files("MRPC", {3, 4}, 0, {3, 4})),
      classification("mnli", {"contradiction", "entailment", "neutral"}, {kAccuracy}, mnli_files()),
      classification("rte", {"not_entailment", "entailment"}, {kAccuracy},
                     three_files("RTE", {1, 2}, kLast, {1, 2})),
      regression("sts", 5.0, three_files("STS-B", {7, 8}, kLast, {7, 8})),
      classification("sst", {"0", "1"}, {kAccuracy}, three_files("SST-2", {0}, 1, {1})),
      classification("qqp", {"0", "1"}, {kAccuracy, kF1}, qqp_files()),
      classification("qnli", {"not_entailment", "entailment"}, {kAccuracy},
                     three_files("QNLI", {1, 2}, kLast, {1, 2})),
      classification("wnli", {"0", "1"}, {kAccuracy}, three_files("WNLI", {1, 2}, kLast, {1, 2})),
  };
  return tasks;
}

}  // namespace pals

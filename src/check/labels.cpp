#include "check/labels.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "kinds/kind.h"
#include "kinds/row_reading.h"
#include "tasks/text_rows.h"

namespace pals {
namespace {

constexpr size_t kShown = 10;
constexpr size_t kShownBytes = 24;

/// Names with their counts, or without; the first of many.
std::string some(const std::vector<std::string>& names) {
  std::vector<std::string> shown(
      names.begin(), names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), kShown)));
  if (names.size() > kShown) shown.push_back(concat("and ", names.size() - kShown, " more"));
  return join(shown, ", ");
}

/// The first example of a file that has a class or label; -1: none.
int64_t first_with(const Task& task, const CheckedFile& checked, size_t label) {
  for (size_t i = 0; i < checked.set.examples.size(); ++i) {
    const std::vector<size_t> labels = kind_of(task).labels_of(checked.set.examples[i]);
    if (std::ranges::find(labels, label) != labels.end()) return static_cast<int64_t>(i);
  }
  return -1;
}

void check_classes(const Task& task, const std::vector<CheckedFile>& files, ProblemList& problems) {
  std::vector<int64_t> training(task.labels.size()), elsewhere(task.labels.size());
  const CheckedFile* first = nullptr;
  for (const CheckedFile& checked : files) {
    const bool trains = checked.file->is_training();
    if (trains && first == nullptr) first = &checked;
    const std::vector<int64_t> counts = kind_of(task).class_counts(task, checked.set);
    for (size_t label = 0; label < counts.size(); ++label) {
      (trains ? training : elsewhere)[label] += counts[label];
      if (trains || counts[label] == 0 || training[label] > 0) continue;
      const int64_t item = first_with(task, checked, label);
      problems.add({Severity::kError, checked.file->path, item < 0 ? 0 : checked.line(item),
                    task.name,
                    concat("label ", quote(task.labels[label]), " is in no training row, but in ",
                           counts[label], counts[label] == 1 ? " here" : " here; this is the first",
                           "; it cannot be learned")});
    }
  }
  if (first == nullptr) return;
  const auto warn = [&](std::string message) {
    problems.add({Severity::kWarning, first->file->path, 0, task.name, std::move(message)});
  };
  std::vector<std::string> rare, missing;
  const LabelTraits traits = kind_of(task).label_traits();
  for (size_t label = 0; label < training.size(); ++label) {
    const std::string name = quote(task.labels[label], kShownBytes);
    if (training[label] == 0 && elsewhere[label] == 0 && traits.all_occur) missing.push_back(name);
    if (training[label] > 0 && training[label] < kRareRows) {
      rare.push_back(concat(name, " (", training[label], ")"));
    }
  }
  if (!rare.empty()) {
    warn(concat("rare labels, with fewer than ", kRareRows, " training ", traits.unit, ": ",
                some(rare)));
  }
  if (!missing.empty()) warn(concat("labels that no row has: ", some(missing)));
  for (std::string& note : label_notes(task.labels, training)) {
    if (note.starts_with("labels that differ")) warn(std::move(note));
  }
}

void check_values(const Task& task, const std::vector<CheckedFile>& files, ProblemList& problems) {
  for (const CheckedFile& checked : files) {
    const std::vector<Example>& examples = checked.set.examples;
    const bool equal = examples.size() > 1 && !examples.front().targets.empty() &&
                       std::ranges::all_of(examples, [&](const Example& example) {
                         return example.targets == examples.front().targets;
                       });
    if (!equal) continue;
    problems.add({Severity::kWarning, checked.file->path, 0, task.name,
                  concat("all ", examples.size(), " rows have the same value; there is nothing to ",
                         checked.file->is_training() ? "learn" : "score")});
  }
}

}  // namespace

void check_first_rows(const Task& task, const std::vector<CheckedFile>& files,
                      ProblemList& problems) {
  for (const CheckedFile& checked : files) {
    const bool table =
        checked.file->format == FileFormat::kTsv || checked.file->format == FileFormat::kCsv;
    if (!table || checked.file->header || checked.line(0) != 1) continue;
    const std::string& text = checked.set.examples.front().text_a;
    if (!is_text_name(text)) continue;
    problems.add({Severity::kError, checked.file->path, 1, task.name,
                  concat("is this row a header, with ", quote(text),
                         " for a text? Then say \"header\": true in the task file")});
  }
}

void check_labels(const Task& task, const std::vector<CheckedFile>& files, ProblemList& problems) {
  if (kind_of(task).has_values()) check_values(task, files, problems);
  if (kind_of(task).has_labels()) check_classes(task, files, problems);
}

}  // namespace pals

#include "check/labels.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "check/typos.h"
#include "kinds/kind.h"
#include "kinds/row_reading.h"
#include "tasks/tagged_text.h"
#include "tasks/text_rows.h"

namespace pals {
namespace {

constexpr size_t kShown = 6;
constexpr size_t kShownBytes = 24;

/// Names with their counts, or without; the first of many.
std::string some(const std::vector<std::string>& names) {
  std::vector<std::string> shown(
      names.begin(), names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), kShown)));
  if (names.size() > kShown) shown.push_back(concat("and ", names.size() - kShown, " more"));
  return join(shown, ", ");
}

/// Where a label stands first.
struct LabelPlace {
  const CheckedFile* checked = nullptr;  ///< null: nowhere
  int64_t line = 0;
};

/// The places of all labels in the first of the files that has them.
std::vector<LabelPlace> first_places(const Task& task,
                                     const std::vector<const CheckedFile*>& files) {
  std::vector<LabelPlace> places(task.labels.size());
  size_t unknown = places.size();
  for (const CheckedFile* checked : files) {
    for (size_t i = 0; i < checked->set.examples.size() && unknown > 0; ++i) {
      const std::vector<size_t> labels = kind_of(task).labels_of(checked->set.examples[i]);
      for (size_t word = 0; word < labels.size(); ++word) {
        LabelPlace& place = places[labels[word]];
        if (place.checked != nullptr) continue;
        --unknown;
        place = {checked, checked->line(static_cast<int64_t>(i))};
        if (kind_of(task).analysis_form() == AnalysisForm::kTags) {
          place.line = line_of_word(checked->file->format, place.line, word);
        }
      }
    }
  }
  return places;
}

/// What is odd about the labels of the training files.
class TrainingLabels {
 public:
  TrainingLabels(const Task& task, const std::vector<const CheckedFile*>& files,
                 const std::vector<int64_t>& counts, ProblemList& problems)
      : task_(task),
        file_(files.front()->file->path),
        counts_(counts),
        places_(first_places(task, files)),
        problems_(problems) {}

  void check_rare() {
    std::vector<size_t> rare;
    for (size_t label = 0; label < counts_.size(); ++label) {
      if (counts_[label] > 0 && counts_[label] < kRareRows) rare.push_back(label);
    }
    if (rare.empty()) return;
    warn(rare.front(), concat("rare labels, with fewer than ", kRareRows, " training ",
                              kind_of(task_).label_traits().unit, ": ", some(texts(rare))));
  }

  void check_alike() {
    std::map<std::string, std::vector<size_t>> alike;
    for (size_t label = 0; label < counts_.size(); ++label) {
      if (counts_[label] > 0) alike[folded_label(task_.labels[label])].push_back(label);
    }
    for (const auto& [folded, labels] : alike) {
      if (labels.size() < 2) continue;
      const size_t fewest =
          *std::ranges::min_element(labels, {}, [&](size_t label) { return counts_[label]; });
      warn(fewest,
           concat("labels that differ in case or blanks alone: ", join(texts(labels), " and ")));
    }
  }

  void check_typos() {
    for (const LabelTypo& typo : find_typos(task_.labels, counts_)) {
      warn(typo.label, concat("label ", text(typo.label), " looks mistyped; did you mean ",
                              text(typo.meant), "?"));
    }
  }

 private:
  /// Its name, how many have it, and where it stands first.
  std::string text(size_t label) const {
    const LabelPlace& place = places_[label];
    const std::string& path = place.checked->file->path;
    return concat(quote(task_.labels[label], kShownBytes), " (", counts_[label],
                  place.line > 0 ? concat(", first in line ", place.line) : "",
                  path == file_ ? "" : concat(" of ", path), ")");
  }
  std::vector<std::string> texts(const std::vector<size_t>& labels) const {
    std::vector<std::string> all;
    for (const size_t label : labels) all.push_back(text(label));
    return all;
  }
  /// Of the line where a label stands first.
  void warn(size_t label, std::string message) {
    const LabelPlace& place = places_[label];
    problems_.add({Severity::kWarning, place.checked->file->path, place.line, task_.name,
                   std::move(message)});
  }

  const Task& task_;
  const std::string& file_;
  const std::vector<int64_t>& counts_;
  std::vector<LabelPlace> places_;
  ProblemList& problems_;
};

/// Labels that a file has, but no training file.
void check_unlearned(const Task& task, const CheckedFile& checked,
                     const std::vector<int64_t>& counts, const std::vector<int64_t>& training,
                     ProblemList& problems) {
  std::vector<size_t> unlearned;
  for (size_t label = 0; label < counts.size(); ++label) {
    if (counts[label] > 0 && training[label] == 0) unlearned.push_back(label);
  }
  if (unlearned.empty()) return;
  const std::vector<LabelPlace> places = first_places(task, {&checked});
  for (const size_t label : unlearned) {
    problems.add({Severity::kError, checked.file->path, places[label].line, task.name,
                  concat("label ", quote(task.labels[label]), " is in no training row, but in ",
                         counts[label], counts[label] == 1 ? " here" : " here; this is the first",
                         "; it cannot be learned")});
  }
}

void check_classes(const Task& task, const std::vector<CheckedFile>& files, ProblemList& problems) {
  const std::vector<int64_t> training = training_counts(task, files);
  std::vector<int64_t> elsewhere(task.labels.size());
  std::vector<const CheckedFile*> training_files;
  for (const CheckedFile& checked : files) {
    if (checked.file->is_training()) {
      training_files.push_back(&checked);
      continue;
    }
    const std::vector<int64_t> counts = kind_of(task).class_counts(task, checked.set);
    for (size_t label = 0; label < counts.size(); ++label) elsewhere[label] += counts[label];
    check_unlearned(task, checked, counts, training, problems);
  }
  if (training_files.empty()) return;
  TrainingLabels labels(task, training_files, training, problems);
  labels.check_rare();
  labels.check_alike();
  labels.check_typos();
  if (!kind_of(task).label_traits().all_occur) return;
  std::vector<std::string> missing;
  for (size_t label = 0; label < training.size(); ++label) {
    if (training[label] > 0 || elsewhere[label] > 0) continue;
    missing.push_back(quote(task.labels[label], kShownBytes));
  }
  if (missing.empty()) return;
  problems.add({Severity::kWarning, training_files.front()->file->path, 0, task.name,
                concat("labels that no row has: ", some(missing))});
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

std::vector<int64_t> training_counts(const Task& task, const std::vector<CheckedFile>& files) {
  std::vector<int64_t> training(task.labels.size());
  for (const CheckedFile& checked : files) {
    if (!checked.file->is_training()) continue;
    const std::vector<int64_t> counts = kind_of(task).class_counts(task, checked.set);
    for (size_t label = 0; label < counts.size(); ++label) training[label] += counts[label];
  }
  return training;
}

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

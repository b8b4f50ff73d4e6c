#include "check/check.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/text_util.h"
#include "catalog/reader.h"
#include "catalog/task_file.h"
#include "catalog/task_json.h"
#include "check/labels.h"
#include "check/tags.h"
#include "check/task_problems.h"
#include "check/texts.h"
#include "check/typos.h"
#include "kinds/kind.h"
#include "kinds/row_reading.h"

namespace pals {
namespace {

/// Checks one task and its files.
class TaskCheck {
 public:
  TaskCheck(Task task, int64_t line, const std::string& task_file, const CheckOptions& options,
            ProblemList& problems)
      : task_(std::move(task)),
        line_(line),
        task_file_(task_file),
        options_(options),
        problems_(problems) {
    watches_.reserve(task_.files.size());
    for (const DataFile& file : task_.files) watches_.emplace_back(task_, file, problems_);
  }

  void run() {
    check_files_named();
    if (!find_labels()) return;
    guard([&] { check_task(task_, task_file_); });
    if (options_.check_adapter) guard([&] { options_.check_adapter(task_); });
    TaskTexts texts(task_);
    for (const char* split : {"train", "dev", "test"}) {
      if (std::string_view(split) == "dev") remark_typos(texts.files());
      for (size_t i = 0; i < task_.files.size(); ++i) {
        if (!task_.files[i].split.starts_with(split)) continue;
        texts.add(read_checked(task_, task_.files[i], watches_[i]), options_.lengths.threads,
                  problems_);
      }
    }
    texts.compare(problems_);
    check_first_rows(task_, texts.files(), problems_);
    check_labels(task_, texts.files(), problems_);
    check_tags(task_, texts.files(), problems_);
    check_lengths(task_, texts, options_.lengths, problems_);
    for (const CheckedFile& checked : texts.files()) {
      check_answers(task_, checked, options_.lengths, problems_);
    }
  }

 private:
  /// Errors of the other files that list the labels are to say which of them look mistyped.
  void remark_typos(const std::vector<CheckedFile>& training) {
    if (!kind_of(task_).has_labels()) return;
    std::vector<std::string> names;
    for (const LabelTypo& typo : find_typos(task_.labels, training_counts(task_, training))) {
      names.push_back(quote(task_.labels[typo.label]));
    }
    if (names.empty()) return;
    const std::string remark =
        concat("; of these labels ", join(names, ", "), names.size() == 1 ? " looks" : " look",
               " mistyped in the training data");
    for (FileWatch& watch : watches_) watch.remark_labels(remark);
  }

  void tell(Severity severity, std::string message) {
    problems_.add({severity, task_file_, line_, task_.name, std::move(message)});
  }

  /// Tells what a check of the whole task throws.
  template <typename Check>
  void guard(const Check& check) {
    try {
      check();
    } catch (const Error& error) {
      std::string text = take_apart(error.what(), task_file_).text;
      const std::string front = concat("task ", quote(task_.name, 64), ": ");
      if (text.starts_with(front)) text.erase(0, front.size());
      tell(Severity::kError, std::move(text));
    }
  }

  void check_files_named() {
    if (files_of(task_, "train").empty()) {
      tell(Severity::kError, "no \"train\" file; `pals train` needs one");
    }
    if (files_of(task_, "dev").empty()) {
      tell(Severity::kWarning,
           "no \"dev\" file, so no scores and no part in choosing the best model");
    }
  }

  /// False where the labels are needed and cannot be known.
  bool find_labels() {
    if (!kind_of(task_).has_labels() || !task_.labels.empty()) return true;
    std::vector<std::string> labels;
    for (size_t i = 0; i < task_.files.size(); ++i) {
      if (!task_.files[i].is_training()) continue;
      try {
        for (std::string& label : labels_in_file(task_, task_.files[i], "", &watches_[i])) {
          labels.push_back(std::move(label));
        }
      } catch (const Error& error) {
        watches_[i].end(error);
      }
    }
    task_.labels = merged_labels(labels);
    if (!task_.labels.empty()) return true;
    tell(Severity::kError,
         "its labels are not known without a sound training file; its other files were not looked "
         "at");
    return false;
  }

  Task task_;
  int64_t line_;
  const std::string& task_file_;
  const CheckOptions& options_;
  ProblemList& problems_;
  std::vector<FileWatch> watches_;
};

}  // namespace

ProblemList check_task_file(const std::string& path, const CheckOptions& options) {
  ProblemList problems;
  const std::string text = read_file(path, kMostTaskFileBytes);
  const Json document = parse_task_document(text, path);
  for (PlacedTask& placed : parse_tasks(document, text, path, problems)) {
    TaskCheck(std::move(placed.task), placed.line, path, options, problems).run();
  }
  return problems;
}

}  // namespace pals

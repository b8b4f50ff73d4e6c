#include "check/tags.h"

#include <algorithm>
#include <string>

#include "base/error.h"
#include "base/text_util.h"
#include "eval/entities.h"
#include "kinds/kind.h"
#include "kinds/tagged_files.h"
#include "tasks/tagged_text.h"

namespace pals {
namespace {

/// Checks the tags of one file.
class FileTags {
 public:
  FileTags(const Task& task, const CheckedFile& checked, ProblemList& problems)
      : task_(task),
        scheme_(task.settings.get<TaggingSettings>().scheme),
        table_(task.labels, scheme_),
        checked_(checked),
        problems_(problems) {}

  void check() {
    std::vector<uint8_t> told(task_.labels.size());
    int64_t sentences = 0;
    for (size_t i = 0; i < checked_.set.examples.size(); ++i) {
      const std::vector<float>& targets = checked_.set.examples[i].targets;
      std::vector<Tag> tags;
      for (size_t word = 0; word < targets.size(); ++word) {
        const auto label = static_cast<size_t>(targets[word]);
        tags.push_back(table_.tags[label]);
        if (is_tag_of(task_.labels[label], scheme_) || told[label] != 0) continue;
        told[label] = 1;
        tell_outsider(i, word, task_.labels[label]);
      }
      const std::vector<size_t> misplaced = misplaced_tags(tags, scheme_);
      if (misplaced.empty()) continue;
      if (sentences++ == 0) first_ = i, first_word_ = misplaced.front();
    }
    if (sentences > 0) tell_misplaced(sentences);
  }

 private:
  int64_t line(size_t example, size_t word) const {
    return line_of_word(checked_.file->format, checked_.lines[example], word);
  }

  void tell_outsider(size_t example, size_t word, const std::string& tag) {
    std::vector<std::string> sound;
    for (const std::string& label : task_.labels) {
      if (is_tag_of(label, scheme_)) sound.push_back(label);
    }
    problems_.add({Severity::kError, checked_.file->path, line(example, word), task_.name,
                   concat("the tag ", quote(tag), " is none of the scheme ",
                          quote(name_of(scheme_)), did_you_mean(tag, sound))});
  }

  void tell_misplaced(int64_t sentences) {
    const std::vector<float>& targets = checked_.set.examples[first_].targets;
    const auto tag = [&](size_t word) {
      return quote(task_.labels[static_cast<size_t>(targets[word])]);
    };
    const std::string before = first_word_ == 0 ? "the beginning" : tag(first_word_ - 1);
    const std::string behind = first_word_ + 1 == targets.size() ? "the end" : tag(first_word_ + 1);
    problems_.add({Severity::kWarning, checked_.file->path, line(first_, first_word_), task_.name,
                   concat(sentences, " of ", counted(std::ssize(checked_.set.examples), "sentence"),
                          sentences == 1 ? " has" : " have", " tags where the scheme ",
                          quote(name_of(scheme_)), " has none such; the first is here: ",
                          tag(first_word_), " between ", before, " and ", behind)});
  }

  const Task& task_;
  TagScheme scheme_;
  TagTable table_;
  const CheckedFile& checked_;
  ProblemList& problems_;
  size_t first_ = 0, first_word_ = 0;
};

}  // namespace

void check_tags(const Task& task, const std::vector<CheckedFile>& files, ProblemList& problems) {
  if (kind_of(task).analysis_form() != AnalysisForm::kTags) return;
  for (const CheckedFile& checked : files) FileTags(task, checked, problems).check();
}

}  // namespace pals

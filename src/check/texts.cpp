#include "check/texts.h"

#include <algorithm>
#include <functional>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "check/fold.h"
#include "features/parallel.h"
#include "kinds/kind.h"

namespace pals {
namespace {

constexpr char kBetween = '\x1F';  // the texts of a row
constexpr int64_t kItemsPerPiece = 4096;
constexpr size_t kShownLabels = 3;

/// Sees all texts of an example, or of a question.
template <typename See>
void for_each_text(const ExampleSet& set, int64_t item, const See& see) {
  const auto i = static_cast<size_t>(item);
  if (!set.questions.questions.empty()) {
    const Question& question = set.questions.questions[i];
    see(std::string_view(question.text));
    see(std::string_view(set.questions.contexts[static_cast<size_t>(question.context)]));
    return;
  }
  const Example& example = set.examples[i];
  see(std::string_view(example.text_a));
  if (!example.text_b.empty()) see(std::string_view(example.text_b));
  for (const std::string& choice : example.choices) see(std::string_view(choice));
}

std::string rows_of(int64_t count) { return counted(count, "row"); }

bool by_text(const TextKey& one, const TextKey& other) {
  return std::tie(one.folded, one.exact, one.file, one.item) <
         std::tie(other.folded, other.exact, other.file, other.item);
}

}  // namespace

void TaskTexts::add(CheckedFile checked, int threads, ProblemList& problems) {
  if (checked.size() == 0) return;
  const auto number = static_cast<int32_t>(files_.size());
  const ExampleSet& set = checked.set;
  std::vector<TextKey> keys(static_cast<size_t>(checked.size()));
  std::vector<int32_t> words(keys.size());
  std::vector<uint8_t> empty(keys.size());
  const bool in_pairs = checked.file->text_b && checked.file->choices.empty();
  const int64_t pieces = (checked.size() + kItemsPerPiece - 1) / kItemsPerPiece;
  parallel_for(pieces, threads, [&](int64_t piece) {
    std::string exact, folded;
    const int64_t last = std::min(checked.size(), (piece + 1) * kItemsPerPiece);
    for (int64_t item = piece * kItemsPerPiece; item < last; ++item) {
      const auto i = static_cast<size_t>(item);
      exact.clear();
      folded.clear();
      int64_t count = 0;
      for_each_text(set, item, [&](std::string_view text) {
        exact.append(text) += kBetween;
        count += fold_text(text, folded);
        folded += kBetween;
      });
      keys[i] = {std::hash<std::string>()(exact), std::hash<std::string>()(folded), number, item};
      words[i] = static_cast<int32_t>(std::min<int64_t>(count, INT32_MAX));
      if (set.examples.empty()) continue;
      const Example& example = set.examples[i];
      empty[i] = trim(example.text_a).empty()               ? 1
                 : in_pairs && trim(example.text_b).empty() ? 2
                                                            : 0;
    }
  });
  for (size_t i = 0; i < keys.size(); ++i) {
    if (empty[i] == 0) continue;
    const char* message = empty[i] == 2 ? "the second text is empty" : "the text is empty";
    problems.add({Severity::kError, checked.file->path, checked.lines[i], task_.name,
                  concat(message, "; remove the row, or is it another column?")});
  }
  std::ranges::sort(keys, by_text);
  keys_.push_back(std::move(keys));
  words_.push_back(std::move(words));
  files_.push_back(std::move(checked));
}

std::string TaskTexts::text_of(const TextKey& key, bool folded) const {
  std::string text;
  for_each_text(files_[static_cast<size_t>(key.file)].set, key.item, [&](std::string_view part) {
    if (folded) {
      fold_text(part, text);
    } else {
      text += part;
    }
    text += kBetween;
  });
  return text;
}

bool TaskTexts::same_targets(const TextKey& one, const TextKey& other) const {
  const auto targets = [&](const TextKey& key) -> const std::vector<float>& {
    static const std::vector<float> none;
    const ExampleSet& set = files_[static_cast<size_t>(key.file)].set;
    return set.examples.empty() ? none : set.examples[static_cast<size_t>(key.item)].targets;
  };
  return targets(one) == targets(other);
}

std::string TaskTexts::label_of(const TextKey& key) const {
  const Example& example =
      files_[static_cast<size_t>(key.file)].set.examples[static_cast<size_t>(key.item)];
  std::vector<std::string> names;
  for (const size_t label : kind_of(task_).labels_of(example)) {
    names.push_back(task_.labels.empty() ? concat(label) : quote(task_.labels.at(label)));
  }
  if (names.empty()) return "none";
  if (names.size() > kShownLabels) {
    names.resize(kShownLabels);
    names.emplace_back("...");
  }
  return join(names, ", ");
}

std::string TaskTexts::place_of(const TextKey& key, int32_t from_file) const {
  const CheckedFile& checked = files_[static_cast<size_t>(key.file)];
  const std::string line =
      checked.line(key.item) > 0 ? concat("line ", checked.line(key.item)) : "it";
  return key.file == from_file ? line : concat(line, " of ", checked.file->path);
}

/// Runs of texts that are the same but for small differences.
struct TaskTexts::Group {
  /// Calls `see` with each run of two and more.
  template <typename See>
  static void for_each(const std::vector<TextKey>& keys, const See& see) {
    for (size_t begin = 0; begin < keys.size();) {
      size_t end = begin + 1;
      while (end < keys.size() && keys[end].folded == keys[begin].folded) ++end;
      if (end - begin > 1) see(std::span(keys).subspan(begin, end - begin));
      begin = end;
    }
  }
};

void TaskTexts::compare_in_training(const std::vector<TextKey>& training,
                                    ProblemList& problems) const {
  int64_t exact = 0, alike = 0, other_targets = 0;
  const TextKey *first = nullptr, *first_of = nullptr, *other = nullptr, *other_of = nullptr;
  Group::for_each(training, [&](std::span<const TextKey> group) {
    const std::string folded = text_of(group.front(), true);
    const TextKey* written = &group.front();  // the first that is written so
    for (const TextKey& key : group.subspan(1)) {
      const bool known = key.exact == written->exact;
      const TextKey& earlier = known ? *written : group.front();
      if (!known) written = &key;
      const bool equal =
          known ? text_of(key, false) == text_of(earlier, false) : text_of(key, true) == folded;
      if (!equal) continue;  // hashes of different texts
      ++(known ? exact : alike);
      if (first == nullptr || key.item < first->item) first = &key, first_of = &earlier;
      if (same_targets(key, earlier)) continue;
      if (known && kind_of(task_).text_decides()) {
        const CheckedFile& checked = files_[static_cast<size_t>(key.file)];
        problems.add({Severity::kError, checked.file->path, checked.line(key.item), task_.name,
                      concat("the text of ", place_of(earlier, key.file), " with another label: ",
                             label_of(key), ", there ", label_of(earlier))});
        continue;
      }
      ++other_targets;
      if (other == nullptr || key.item < other->item) other = &key, other_of = &earlier;
    }
  });
  const auto warn = [&](const TextKey& key, std::string message) {
    const CheckedFile& checked = files_[static_cast<size_t>(key.file)];
    problems.add({Severity::kWarning, checked.file->path, checked.line(key.item), task_.name,
                  std::move(message)});
  };
  if (first != nullptr) {
    warn(*first, concat("duplicates within the training data: ", rows_of(exact), " exactly, ",
                        rows_of(alike), " but for case, white space and punctuation; the first is ",
                        "this one, as ", place_of(*first_of, first->file)));
  }
  if (other != nullptr) {
    warn(*other, concat(rows_of(other_targets), " of nearly or quite the text of another one, but ",
                        "with other ", task_.labels.empty() ? "values" : "labels",
                        "; the first is this one (", place_of(*other_of, other->file), ")"));
  }
}

void TaskTexts::compare_with_training(size_t file, const std::vector<TextKey>& training,
                                      ProblemList& problems) const {
  int64_t exact = 0, alike = 0, other_targets = 0;
  const TextKey *first = nullptr, *first_of = nullptr;
  const bool labelled = !files_[file].file->split.starts_with("test");
  auto from = training.begin();
  for (const TextKey& key : keys_[file]) {
    while (from != training.end() && from->folded < key.folded) ++from;
    if (from == training.end()) break;
    if (from->folded != key.folded) continue;
    const auto exactly =
        std::lower_bound(from, training.end(), TextKey{key.exact, key.folded}, by_text);
    const bool known =
        exactly != training.end() && exactly->folded == key.folded && exactly->exact == key.exact;
    const TextKey* found = known ? &*exactly : &*from;
    if (text_of(key, true) != text_of(*found, true)) continue;
    ++(key.exact == found->exact ? exact : alike);
    if (labelled && !same_targets(key, *found)) ++other_targets;
    if (first == nullptr || key.item < first->item) first = &key, first_of = found;
  }
  if (first == nullptr) return;
  const CheckedFile& checked = files_[file];
  problems.add(
      {Severity::kWarning, checked.file->path, checked.line(first->item), task_.name,
       concat("overlap with the training data: ", rows_of(exact), " of ",
              format_count(static_cast<uint64_t>(checked.size())), " exactly, ", rows_of(alike),
              " but for case, white space and punctuation",
              other_targets > 0 ? concat("; ", rows_of(other_targets), " with another ",
                                         kind_of(task_).has_values() ? "value" : "label", " there")
                                : "",
              "; the first is this one, there ", place_of(*first_of, first->file),
              labelled ? "; scores on such rows say little" : "")});
}

void TaskTexts::compare(ProblemList& problems) {
  std::vector<TextKey> training;
  for (size_t i = 0; i < files_.size(); ++i) {
    if (!files_[i].file->is_training()) continue;
    training.insert(training.end(), keys_[i].begin(), keys_[i].end());
  }
  const bool several =
      std::ranges::count_if(files_, [](const auto& f) { return f.file->is_training(); }) > 1;
  if (several) std::ranges::sort(training, by_text);
  compare_in_training(training, problems);
  for (size_t i = 0; i < files_.size(); ++i) {
    if (!files_[i].file->is_training()) compare_with_training(i, training, problems);
  }
}

}  // namespace pals

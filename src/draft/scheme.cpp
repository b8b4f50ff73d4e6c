#include "draft/scheme.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/text_util.h"
#include "catalog/reader.h"
#include "catalog/task_json.h"
#include "draft/line_watch.h"
#include "tasks/tagged_text.h"

namespace pals {
namespace {

constexpr int64_t kTagsPerOutsider = 5;  // of a scheme's tags to one that is none of them
constexpr size_t kShown = 3;
constexpr size_t kShownTagBytes = 24;

/// The sentences of a file, with all their tags.
struct Sentences {
  Task task;  ///< its labels are all tags
  std::vector<Example> examples;
  LineWatch lines;

  const std::string& tag(size_t sentence, size_t word) const {
    return task.labels[static_cast<size_t>(examples[sentence].targets[word])];
  }
  std::string place(size_t sentence, size_t word) const {
    const int64_t line = line_of_word(task.files.front().format, lines.lines()[sentence], word);
    return concat(line, " ", quote(tag(sentence, word), kShownTagBytes));
  }
};

Sentences read_sentences(Json described, const std::string& path) {
  described["scheme"] = name_of(TagScheme::kPlain);
  described["train"] = path;
  Sentences read{.task = parse_task(described, path)};
  const DataFile& file = read.task.files.front();
  read.task.labels = labels_in_file(read.task, file, "", &read.lines);
  read.lines.begin();
  read.examples = read_examples(read.task, file, "", &read.lines).examples;
  return read;
}

/// How well a file's tags fit a scheme.
struct Fit {
  TagScheme scheme = TagScheme::kPlain;
  int64_t marked = 0;               ///< tags other than O
  int64_t outsiders = 0;            ///< that are no tags of the scheme
  int64_t misplaced = 0;            ///< that may not stand where they do
  std::vector<std::string> places;  ///< line and tag, of the first ones

  int64_t misfits() const { return outsiders + misplaced; }
};

Fit fit_of(const Sentences& read, TagScheme scheme) {
  Fit fit{.scheme = scheme};
  const TagTable table(read.task.labels, scheme);
  for (size_t s = 0; s < read.examples.size(); ++s) {
    std::vector<Tag> tags;
    std::vector<size_t> wrong;
    for (size_t word = 0; word < read.examples[s].targets.size(); ++word) {
      const std::string& tag = read.tag(s, word);
      tags.push_back(table.tags[static_cast<size_t>(read.examples[s].targets[word])]);
      fit.marked += tag == "O" ? 0 : 1;
      if (is_tag_of(tag, scheme)) continue;
      ++fit.outsiders;
      wrong.push_back(word);
    }
    const std::vector<size_t> misplaced = misplaced_tags(tags, scheme);
    fit.misplaced += static_cast<int64_t>(misplaced.size());
    wrong.insert(wrong.end(), misplaced.begin(), misplaced.end());
    std::ranges::sort(wrong);
    for (const size_t word : wrong) {
      if (fit.places.size() == kShown) break;
      fit.places.push_back(read.place(s, word));
    }
  }
  return fit;
}

std::string doubt_of(const Fit& fit, bool taken, const std::string& path) {
  const std::string name = quote(name_of(fit.scheme));
  std::string places = concat(path, ":", join(fit.places, ", line "));
  if (fit.misfits() > static_cast<int64_t>(fit.places.size())) places += ", ...";
  const std::string misfits =
      concat(fit.misfits(), " of the ", counted(fit.marked, "tag"), " but O ",
             fit.misfits() == 1 ? "does" : "do", " not fit ", name);
  if (!taken) {
    return concat("the scheme \"plain\", which has no entities, is taken, because ", misfits, " (",
                  places, ")");
  }
  return concat("the scheme: ", misfits, " (", places, ")",
                fit.outsiders > 0 ? "; `pals train` refuses tags of another scheme" : "",
                "; `pals check` says more");
}

}  // namespace

FoundScheme find_scheme(Json described, const std::string& path) {
  const Sentences read = read_sentences(std::move(described), path);
  Fit best = fit_of(read, TagScheme::kBio);
  for (const TagScheme scheme : {TagScheme::kIob1, TagScheme::kBioes}) {
    if (best.misfits() == 0) break;
    Fit fit = fit_of(read, scheme);
    if (fit.misfits() < best.misfits()) best = std::move(fit);
  }
  if (best.misfits() == 0) return {best.scheme, ""};
  const bool taken = best.outsiders * kTagsPerOutsider <= best.marked;
  const bool half = best.outsiders * 2 <= best.marked;
  return {taken ? best.scheme : TagScheme::kPlain,
          taken || half ? doubt_of(best, taken, path) : ""};
}

}  // namespace pals

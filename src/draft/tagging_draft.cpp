#include "draft/tagging_draft.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "catalog/reader.h"
#include "catalog/task_json.h"
#include "eval/entities.h"
#include "tasks/row_watch.h"

namespace pals {
namespace {

/// Two columns of JSONL.
struct WordsAndTags {
  size_t words = 0, tags = 0;
};

/// Lists of words and tags: of equal length in each row, the tags being fewer different ones.
std::optional<WordsAndTags> find_lists(const Sample& sample) {
  const std::vector<SampleColumn>& columns = sample.columns;
  const auto different = [](const SampleColumn& column) {
    std::vector<std::string> all;
    for (const auto& list : column.lists) all.insert(all.end(), list.begin(), list.end());
    std::ranges::sort(all);
    return std::unique(all.begin(), all.end()) - all.begin();
  };
  const auto is_list = [](const SampleColumn& column) {
    return column.kind == FieldKind::kTextList;
  };
  for (size_t a = 0; a < columns.size(); ++a) {
    for (size_t b = a + 1; b < columns.size(); ++b) {
      if (!is_list(columns[a]) || !is_list(columns[b])) continue;
      const bool alike =
          std::ranges::equal(columns[a].lists, columns[b].lists, {},
                             &std::vector<std::string>::size, &std::vector<std::string>::size);
      if (!alike) continue;
      return different(columns[a]) >= different(columns[b]) ? WordsAndTags{a, b}
                                                            : WordsAndTags{b, a};
    }
  }
  return std::nullopt;
}

std::optional<WordsAndTags> find_spans(const Sample& sample) {
  std::optional<size_t> text, spans;
  for (size_t c = 0; c < sample.columns.size(); ++c) {
    const SampleColumn& column = sample.columns[c];
    if (column.kind == FieldKind::kSpanList && !spans) spans = c;
    const bool is_text = column.kind == FieldKind::kText &&
                         std::ranges::any_of(column.values, [](const std::string& value) {
                           return value.find(' ') != value.npos;
                         });
    if (is_text && !text) text = c;
  }
  if (!text || !spans) return std::nullopt;
  return WordsAndTags{*text, *spans};
}

/// Passes over what cannot be read: `pals check` tells.
class Deaf : public RowWatch {
 public:
  void fault(const Error& /*error*/) override {}
  void example(int64_t /*line*/) override {}
};

/// The scheme of the tags of a file that is described so far.
TagScheme find_scheme(Json described, const std::string& path) {
  described["scheme"] = name_of(TagScheme::kPlain);
  described["train"] = path;
  Task task = parse_task(described, path);
  Deaf watch;
  task.labels = labels_in_file(task, task.files.front(), "", &watch);
  const auto all = [&](TagScheme scheme) {
    return std::ranges::all_of(task.labels,
                               [&](const std::string& tag) { return is_tag_of(tag, scheme); });
  };
  const bool entities = std::ranges::find(task.labels, "O") != task.labels.end();
  if (!all(TagScheme::kBio)) {
    return entities && all(TagScheme::kBioes) ? TagScheme::kBioes : TagScheme::kPlain;
  }
  // In bio each I-X goes on from a word of the same entity.
  for (const Example& example : read_examples(task, task.files.front(), "", &watch).examples) {
    std::string before = "O";
    for (const float target : example.targets) {
      const std::string& tag = task.labels[static_cast<size_t>(target)];
      if (tag.starts_with("I-") && (before == "O" || before.substr(2) != tag.substr(2))) {
        return TagScheme::kIob1;
      }
      before = tag;
    }
  }
  return TagScheme::kBio;
}

}  // namespace

std::optional<KindDraft> draft_tagging(const FileGroup& group, const std::vector<Sample>& samples) {
  const Sample& train = samples.front();
  KindDraft draft;
  OrderedJson& keys = draft.keys;
  keys["kind"] = "tagging";
  bool spans = false;
  if (train.format == FileFormat::kJsonl) {
    std::optional<WordsAndTags> found = find_lists(train);
    if (!found) found = find_spans(train), spans = found.has_value();
    if (!found) return std::nullopt;
    keys[spans ? "text" : "tokens"] = train.columns[found->words].name;
    keys[spans ? "label" : "tags"] = train.columns[found->tags].name;
  } else if (train.format != FileFormat::kConll && train.format != FileFormat::kConllu) {
    return std::nullopt;
  }
  for (const Sample& sample : samples) {
    draft.files.push_back(OrderedJson::object());
    if (!sample.format_named) draft.files.back()["format"] = format_name(sample.format);
  }
  if (!spans) {
    Json described = keys;
    described["name"] = group.name;
    described["format"] = format_name(train.format);
    const TagScheme scheme = find_scheme(std::move(described), train.path);
    keys["scheme"] = name_of(scheme);
    if (train.format == FileFormat::kConll) {
      draft.doubts.emplace_back("words are taken from the first column, tags from the last");
    }
  }
  draft.described = concat("tagging, ", spans ? "spans of texts" : "words with tags", ", scheme ",
                           spans ? "bio" : keys["scheme"].get<std::string>());
  return draft;
}

}  // namespace pals

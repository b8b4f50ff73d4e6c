#include "draft/tagging_draft.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "draft/scheme.h"

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
    FoundScheme found = find_scheme(std::move(described), train.path);
    keys["scheme"] = name_of(found.scheme);
    if (!found.doubt.empty()) draft.doubts.push_back(std::move(found.doubt));
    if (train.format == FileFormat::kConll) {
      draft.doubts.emplace_back("words are taken from the first column, tags from the last");
    }
  }
  draft.described = concat("tagging, ", spans ? "spans of texts" : "words with tags", ", scheme ",
                           spans ? "bio" : keys["scheme"].get<std::string>());
  return draft;
}

}  // namespace pals

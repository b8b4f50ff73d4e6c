#include "tasks/tagged_text.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "base/utf8.h"
#include "tasks/json_values.h"
#include "tasks/jsonl.h"

namespace pals {
namespace {

constexpr std::string_view kDocumentStart = "-DOCSTART-";
constexpr std::string_view kBlanks = " \t";
constexpr int64_t kMostCharacters = 1 << 20;

/// Between tabs if there are any, else between runs of blanks.
void split_columns(std::string_view line, std::vector<std::string_view>& columns) {
  columns.clear();
  if (line.find('\t') != std::string_view::npos) {
    for (const std::string_view column : split(line, '\t')) columns.push_back(trim(column));
    while (columns.size() > 1 && columns.back().empty()) columns.pop_back();
    return;
  }
  while (true) {
    const size_t first = line.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) return;
    line.remove_prefix(first);
    const size_t end = line.find_first_of(kBlanks);
    columns.push_back(line.substr(0, end));
    if (end == std::string_view::npos) return;
    line.remove_prefix(end);
  }
}

int number_of_column(const Column& column, const std::string& where) {
  if (column.number) return *column.number;
  fail(where, ": the column ", quote(column.name),
       " is given by name, but the file has no header; ",
       "give its number, from 0, or from the end with -1 for the last");
}

std::string tag_key_of(const Column& column, const std::string& where) {
  if (!column.number) return column.name;
  fail(where, ": column ", *column.number, " is given by number; a JSONL file has keys");
}

/// The strings of a list.
std::vector<std::string> texts_of(const Json& list, const std::string& key,
                                  const std::string& where) {
  if (!list.is_array()) {
    fail(where, ": key ", quote(key), " is ", list.type_name(), ", want a list of strings");
  }
  std::vector<std::string> texts;
  for (const Json& item : list) {
    if (!item.is_string() && !item.is_number_integer()) {
      fail(where, ": the list at ", quote(key), " holds ", item.type_name(), ", want strings");
    }
    texts.push_back(item.is_string() ? item.get<std::string>() : item.dump());
  }
  return texts;
}

int64_t offset_of(const Json& value, const std::string& where) {
  const bool fits = value.is_number_integer() && value >= 0 && value <= kMostCharacters;
  if (!fits) fail(where, ": a span's place is ", value.dump(), ", want the number of a character");
  return value.get<int64_t>();
}

/// A span of a text of `length` characters.
TypedSpan span_of(const Json& value, int64_t length, const std::string& where) {
  TypedSpan span;
  const Json* parts[3] = {nullptr, nullptr, nullptr};
  for (size_t i = 0; i < 3; ++i) {
    constexpr const char* kKeys[] = {"start", "end", "label"};
    if (value.is_array() && value.size() == 3) parts[i] = &value[i];
    if (value.is_object() && value.contains(kKeys[i])) parts[i] = &value[kKeys[i]];
    if (parts[i] == nullptr) {
      fail(where, ": a span is ", quote(value.dump()),
           ", want {\"start\": 0, \"end\": 5, \"label\": \"X\"} or [0, 5, \"X\"]");
    }
  }
  span.first = offset_of(*parts[0], where);
  span.last = offset_of(*parts[1], where);
  if (!parts[2]->is_string() || trim(parts[2]->get_ref<const std::string&>()).empty()) {
    fail(where, ": a span's label is ", quote(parts[2]->dump()), ", want a name");
  }
  span.type = parts[2]->get<std::string>();
  if (span.first >= span.last || span.last > length) {
    fail(where, ": a span is ", span.first, " to ", span.last, " of a text of ", length,
         " characters");
  }
  return span;
}

}  // namespace

// Between the words of CoNLL-U there may be lines that are none.
int64_t line_of_word(FileFormat format, int64_t line, size_t word) {
  return format == FileFormat::kConll && line > 0 ? line + static_cast<int64_t>(word) : line;
}

ConllReader::ConllReader(const DataFile& file, std::string_view bytes, std::string where,
                         IsTag is_tag)
    : lines_(bytes, std::move(where)),
      is_tag_(std::move(is_tag)),
      universal_(file.format == FileFormat::kConllu),
      word_(number_of_column(file.text_a, lines_.where())) {
  if (file.label) tag_ = number_of_column(*file.label, lines_.where());
}

std::string ConllReader::here() const { return concat(lines_.where(), ":", lines_.line()); }
std::string ConllReader::position() const { return concat(lines_.where(), ":", first_line_); }

std::string_view ConllReader::field(int number) const {
  const auto count = static_cast<int64_t>(columns_.size());
  const int64_t place = number < 0 ? count + number : number;
  if (place < 0 || place >= count) return {};
  return columns_[static_cast<size_t>(place)];
}

bool ConllReader::is_comment(std::string_view line, bool first) const {
  if (!line.starts_with('#') || !first) return false;
  if (universal_) return true;
  if (columns_.size() < 2 || (width_ != 0 && columns_.size() != width_)) return true;
  if (width_ == 0 && columns_.front() == "#" && columns_.size() != 2) return true;
  return tag_ && !is_tag_(field(*tag_));
}

bool ConllReader::next(TaggedText& sentence) {
  sentence = TaggedText();
  std::string_view line;
  while (lines_.next(line)) {
    if (trim(line).empty()) {
      if (!sentence.words.empty()) return true;
      continue;
    }
    split_columns(line, columns_);
    if (columns_.front().starts_with(kDocumentStart)) {
      if (!sentence.words.empty()) return true;
      continue;
    }
    if (is_comment(line, sentence.words.empty())) continue;
    if (universal_ && columns_.front().find_first_of("-.") != std::string_view::npos) continue;
    const std::string_view word = field(word_);
    if (word.empty()) {
      fail(here(), ": got ", counted(std::ssize(columns_), "column"), ", want a word in column ",
           word_);
    }
    if (tag_) {
      const std::string_view tag = field(*tag_);
      const bool same = columns_.size() < 2 && *tag_ != word_;
      if (tag.empty() || same) {
        fail(here(), ": got ", counted(std::ssize(columns_), "column"), ", want a tag in column ",
             *tag_, "; a blank line ends a sentence");
      }
      sentence.tags.emplace_back(tag);
    }
    if (sentence.words.empty()) first_line_ = lines_.line();
    if (sentence.words.size() == kMostWords) {
      fail(here(), ": a sentence of more than ", kMostWords,
           " words; a blank line ends a sentence");
    }
    width_ = columns_.size();
    sentence.words.emplace_back(word);
  }
  return !sentence.words.empty();
}

TaggedJsonReader::TaggedJsonReader(const DataFile& file, std::string_view bytes, std::string where)
    : lines_(bytes, std::move(where)), words_key_(tag_key_of(file.text_a, lines_.where())) {
  if (file.label) tags_key_ = tag_key_of(*file.label, lines_.where());
}

std::string TaggedJsonReader::position() const {
  return concat(lines_.where(), ":", lines_.line());
}

bool TaggedJsonReader::next(TaggedText& sentence) {
  sentence = TaggedText();
  std::string_view line;
  do {
    if (!lines_.next(line)) return false;
  } while (trim(line).empty());
  const std::string here = position();
  const Json object = parse_json_line(line, here);
  const Json& words = value_at(object, words_key_, here);
  sentence.is_text = words.is_string();
  if (sentence.is_text) {
    sentence.text = words.get<std::string>();
    const auto length = static_cast<int64_t>(count_code_points(sentence.text));
    if (!tags_key_) return true;
    const Json& spans = value_at(object, *tags_key_, here);
    if (!spans.is_array()) fail(here, ": key ", quote(*tags_key_), " is no list of spans");
    for (const Json& span : spans) sentence.spans.push_back(span_of(span, length, here));
    std::ranges::sort(sentence.spans, {}, &TypedSpan::first);
    for (size_t i = 0; i + 1 < sentence.spans.size(); ++i) {
      if (sentence.spans[i].last > sentence.spans[i + 1].first) {
        fail(here, ": two spans overlap at character ", sentence.spans[i + 1].first);
      }
    }
    return true;
  }
  sentence.words = texts_of(words, words_key_, here);
  if (sentence.words.size() > kMostWords) fail(here, ": more than ", kMostWords, " words");
  if (std::ranges::any_of(sentence.words, [](const auto& word) { return trim(word).empty(); })) {
    fail(here, ": a word at ", quote(words_key_), " is empty");
  }
  if (!tags_key_) return true;
  sentence.tags = texts_of(value_at(object, *tags_key_, here), *tags_key_, here);
  if (sentence.tags.size() != sentence.words.size()) {
    fail(here, ": ", counted(std::ssize(sentence.words), "word"), " at ", quote(words_key_),
         ", but ", counted(std::ssize(sentence.tags), "tag"), " at ", quote(*tags_key_));
  }
  return true;
}

}  // namespace pals

// Words with a tag each, a sentence at a time: CoNLL's columns, CoNLL-U, and JSONL.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "tasks/rows.h"
#include "tasks/task.h"

namespace pals {

/// A sentence may have so many words; more means that no blank line parts the sentences.
inline constexpr size_t kMostWords = 100000;

/// Characters [first, last) of a text, counted in code points, of a type.
struct TypedSpan {
  std::string type;
  int64_t first = 0, last = 0;
};

/// A sentence with its tags, or a text with spans.
struct TaggedText {
  std::vector<std::string> words;
  std::vector<std::string> tags;  ///< of the words; none of a file without labels
  bool is_text = false;           ///< then `text` and `spans` hold it, and not the words
  std::string text;
  std::vector<TypedSpan> spans;
};

/// Yields the sentences of a file.
class TaggedReader {
 public:
  virtual ~TaggedReader() = default;
  /// The next sentence, which has words, or a text; false at the end. Throws Error
  /// "where:line: ..." for lines that are not as the format says.
  virtual bool next(TaggedText& sentence) = 0;
  /// The first line of the last sentence, from 1.
  virtual int64_t line() const = 0;
  /// "where:line" of it.
  virtual std::string position() const = 0;
};

/// The line of a word of a sentence that begins on `line`: in CoNLL-U and JSONL the sentence's.
int64_t line_of_word(FileFormat format, int64_t line, size_t word);

/// Whether a text in the column of tags can be one.
using IsTag = std::function<bool(std::string_view)>;

/// CoNLL: a word a line, columns parted by tabs, or else by blanks; `file` gives the columns of
/// word and tag by number. A blank line ends a sentence, and so does a line of -DOCSTART-, which is
/// left out. A line that begins with # before a sentence's first word is a comment, unless it has
/// as many columns as the words and a tag among them. In CoNLL-U it always is, and lines of
/// several words (1-2) and of none (1.1) are left out.
class ConllReader : public TaggedReader {
 public:
  ConllReader(const DataFile& file, std::string_view bytes, std::string where, IsTag is_tag);
  bool next(TaggedText& sentence) override;
  int64_t line() const override { return first_line_; }
  std::string position() const override;

 private:
  bool is_comment(std::string_view line, bool first) const;
  std::string_view field(int number) const;
  std::string here() const;

  LineReader lines_;
  IsTag is_tag_;
  bool universal_;
  int word_;
  std::optional<int> tag_;
  std::vector<std::string_view> columns_;
  size_t width_ = 0;  ///< columns of the words so far
  int64_t first_line_ = 0;
};

/// JSONL: objects with a list of words and one of tags, or with a text and a list of spans:
/// {"start": 0, "end": 5, "label": "X"}, or [0, 5, "X"].
class TaggedJsonReader : public TaggedReader {
 public:
  TaggedJsonReader(const DataFile& file, std::string_view bytes, std::string where);
  bool next(TaggedText& sentence) override;
  int64_t line() const override { return lines_.line(); }
  std::string position() const override;

 private:
  LineReader lines_;
  std::string words_key_;
  std::optional<std::string> tags_key_;
};

}  // namespace pals

// Texts to work on, one after another, out of lines or tables of any length.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "tasks/task.h"

namespace pals {

/// A text, or a pair of texts.
struct TextPair {
  std::string_view a;
  std::string_view b;  ///< empty: a single text
};

/// Yields texts in order, in bounded memory. One thread uses it.
class TextInput {
 public:
  virtual ~TextInput() = default;

  /// The next texts; false at the end. The views last until the next call of next() or at_hand().
  /// Throws Error "where:line: ...".
  virtual bool next(TextPair& texts) = 0;

  /// Whether next() would not wait for whoever writes the input; looks for at most `milliseconds`.
  virtual bool at_hand(int milliseconds) = 0;
};

/// How a line holds a pair.
enum class LineRule {
  kTab,  ///< `a`, or `a<tab>b` (further tabs belong to b)
  kBars  ///< `a`, or `a ||| b`, cut at the last bars, without white space around the line: the
         ///< reference's rule
};

/// The texts of one line.
TextPair split_line(std::string_view line, LineRule rule);

/// Every line of a file is a text or a pair; "" and "-" are standard input.
std::unique_ptr<TextInput> open_lines(const std::string& path, LineRule rule);

/// The columns file.text_a and file.text_b of a table; file.path is not looked at.
/// Throws Error as TextRowReader does.
std::unique_ptr<TextInput> open_table(const std::string& path, const DataFile& file);

/// "3" and "-1" are a column by number, everything else one by name.
Column parse_column(const std::string& text);

}  // namespace pals

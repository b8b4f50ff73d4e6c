// Texts to work on, one after another, out of lines, tables or SQuAD's files.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/input_stream.h"
#include "predict/shard.h"
#include "tasks/task.h"

namespace pals {

/// A text, or a pair of texts.
struct TextPair {
  std::string_view a;
  std::string_view b;  ///< empty: a single text
};

/// What one row of the input asks. For a span task text_a is the question and text_b its context.
struct InputRow {
  std::string id;  ///< as the input has it; empty if it has none
  Example texts;   ///< choices only where the input is said to hold them
};

/// Yields rows in order, in bounded memory except for SQuAD's files. One thread uses it.
class TextInput {
 public:
  virtual ~TextInput() = default;

  /// The next row; false at the end. Throws Error "where:line: ..."; if it goes_on(), the row
  /// behind the wrong one is next.
  virtual bool next(InputRow& row) = 0;

  /// Whether an Error of next() was about one row alone.
  virtual bool goes_on() const { return false; }

  /// The line, from 1, on which the last row began (or its number).
  virtual int64_t line() const { return 0; }

  /// Where the last row began. Throws Error for what has no known size: standard input, pipes.
  virtual InputPlace place() { return {}; }

  /// Whether next() would not wait for whoever writes the input; looks for at most `milliseconds`.
  virtual bool at_hand(int milliseconds) = 0;

  virtual bool has_ids() const { return false; }
};

/// What a line holds.
enum class LineRule {
  kTab,       ///< `a`, or `a<tab>b` (further tabs belong to b)
  kBars,      ///< `a`, or `a ||| b`, cut at the last bars, without white space around the line: the
              ///< reference's rule
  kQuestion,  ///< `question<tab>context`; a line without a tab is an error
  kChoices    ///< `context<tab>choice<tab>choice...`
};

/// How many texts each line must hold: 1, or 2 with a tab between.
struct LineTexts {
  size_t number = 1;
  std::string task;  ///< that takes so many, for errors
};

/// The texts of one line that holds no choices.
TextPair split_line(std::string_view line, LineRule rule);

/// Texts at hand, each a row, with second texts if there are any. Throws Error for a row that is no
/// UTF-8: "flag:number: ...".
std::unique_ptr<TextInput> open_texts(std::vector<std::string> texts,
                                      std::vector<std::string> pairs, const std::string& flag);

// Those below wait for their input in pieces, and throw Error once its stop is requested.

/// Every line is a row. If `texts` are given, a line with another number of them is an Error; where
/// it must hold two, blank lines are passed over, and counted in a warning at the end.
std::unique_ptr<TextInput> open_lines(std::unique_ptr<InputStream> stream, LineRule rule,
                                      std::optional<LineTexts> texts = {});

/// The columns file.text_a, file.text_b and file.choices of a table, and ids out of file.label;
/// file.path is not looked at. Throws Error as TextRowReader does and for unusable choices; blank
/// lines that it passes over are counted in a warning at the end.
std::unique_ptr<TextInput> open_table(std::unique_ptr<InputStream> stream, const DataFile& file);

/// The questions of a SQuAD file, which is read as a whole when the first one is asked for.
/// next() throws Error as parse_squad does; answers need not be there.
std::unique_ptr<TextInput> open_squad(std::unique_ptr<InputStream> stream);

// The same of a file; "" and "-" are standard input.

std::unique_ptr<TextInput> open_lines(const std::string& path, LineRule rule,
                                      const std::stop_token& stop = {});
std::unique_ptr<TextInput> open_table(const std::string& path, const DataFile& file,
                                      const std::stop_token& stop = {});
std::unique_ptr<TextInput> open_squad(const std::string& path, const std::stop_token& stop = {});

/// "3" and "-1" are a column by number, everything else one by name.
Column parse_column(const std::string& text);

}  // namespace pals

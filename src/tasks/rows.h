// Rows of fields out of a file's bytes, one at a time: what TSV, CSV and JSONL have in common.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tasks/task.h"

namespace pals {

/// Longer lines (CSV: rows) are an error: such a file is not what its owner thinks it is.
inline constexpr size_t kMaxRowBytes = size_t{1} << 20;

/// Which characters end a line: LF and CR LF, or also CR alone.
enum class LineEnds { kLf, kAny };

/// Goes over the characters of CSV.
class QuoteScan {
 public:
  /// Whether the next character is in quotes, or one of them. A row's end wants a fresh scan.
  bool see(char c);

 private:
  enum class State { kFieldStart, kPlain, kQuoted, kQuoteInQuoted };
  State state_ = State::kFieldStart;
};

/// Which line ends a text has, by the start of it; `complete` says that as much as a row may have
/// is there, or the end. Where lone CRs outnumber the others they end lines, too; otherwise they
/// are text. Those in quoted fields of CSV do not count. Nothing while it takes more to know.
std::optional<LineEnds> find_line_ends(std::string_view start, bool csv, bool complete);

/// The same of a whole text.
LineEnds line_ends_of(std::string_view text, bool csv);

/// Where the first line end from a place on stands; npos if there is none.
size_t find_line_end(std::string_view text, LineEnds ends, size_t from);

/// How many lines end in the text.
int64_t count_line_ends(std::string_view text, LineEnds ends);

/// Yields rows, one for each line; a blank line is one, too. A UTF-8 byte order mark is dropped.
class RowReader {
 public:
  virtual ~RowReader() = default;

  /// Whether the last row was a blank line: of spaces, or nothing. Of JSONL it has no fields.
  virtual bool blank() const = 0;

  /// Puts the next row into `fields`; false at the end. The views last until the next call.
  /// Throws Error "where:line: ..." for malformed rows, invalid UTF-8 and rows past kMaxRowBytes;
  /// readers of whole files then go on behind the row (CSV: behind its first line).
  virtual bool next(std::vector<std::string_view>& fields) = 0;

  /// The line, from 1, on which the last row began.
  virtual int64_t line() const = 0;
};

/// Which parts of a JSONL object become the fields of a row.
struct JsonlKeys {
  JsonlKeys() = default;
  JsonlKeys(std::initializer_list<std::string> keys) : values(keys) {}
  JsonlKeys(std::vector<std::string> keys, std::string list_key = "")
      : values(std::move(keys)), list(std::move(list_key)) {}

  std::vector<std::string> values;  ///< a field each, in this order
  std::string list;                 ///< if not empty: behind them each item of the list at this key
  std::string label = {};           ///< which of the keys is a label, if any
  bool label_may_be_null = false;   ///< and is then an empty field
};

/// The reader for `format`, which must be one of rows. `bytes` must outlive it; `where` names the
/// file in errors. Formats other than JSONL ignore `keys`.
std::unique_ptr<RowReader> make_row_reader(FileFormat format, std::string_view bytes,
                                           std::string where, JsonlKeys keys);

/// How zip archives, and with them spreadsheets, and older spreadsheets begin.
inline constexpr std::string_view kSpreadsheetStarts[] = {"PK\x03\x04", "\xD0\xCF\x11\xE0"};

/// The file's text proper: without byte order mark. Throws Error for UTF-16, spreadsheets and zip
/// archives.
std::string_view text_of_file(std::string_view bytes, const std::string& where);

/// Whether a line holds spaces and carriage returns alone, or nothing.
bool is_blank(std::string_view line);

/// Throws Error naming the byte unless `text`, which begins on line `line`, is UTF-8 without zero
/// bytes.
void check_utf8(std::string_view text, const std::string& where, int64_t line);

/// Throws the Error for a row that begins on line `line` and exceeds kMaxRowBytes.
[[noreturn]] void fail_row_too_long(const std::string& where, int64_t line);

/// Cuts a text into lines, checking length and encoding.
class LineReader {
 public:
  /// Throws Error as text_of_file does.
  LineReader(std::string_view bytes, std::string where);

  /// The next line without its end; false at the end of the text. After an Error the line after
  /// the wrong one is next.
  bool next(std::string_view& line);

  int64_t line() const { return line_; }
  const std::string& where() const { return where_; }

 private:
  std::string where_;
  std::string_view rest_;
  LineEnds ends_;
  int64_t line_ = 0;
};

/// The fields of one TSV line: everything between tabs, quotes are text like any other.
void split_tsv(std::string_view line, std::vector<std::string_view>& fields);

/// Rows of a TSV file.
class TsvReader : public RowReader {
 public:
  TsvReader(std::string_view bytes, std::string where) : lines_(bytes, std::move(where)) {}
  bool next(std::vector<std::string_view>& fields) override;
  int64_t line() const override { return lines_.line(); }
  bool blank() const override { return blank_; }

 private:
  LineReader lines_;
  bool blank_ = false;
};

}  // namespace pals

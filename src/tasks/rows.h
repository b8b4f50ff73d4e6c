// Rows of fields out of a file's bytes, one at a time: what TSV, CSV and JSONL have in common.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tasks/task.h"

namespace pals {

/// Longer lines (CSV: rows) are an error: such a file is not what its owner thinks it is.
inline constexpr size_t kMaxRowBytes = size_t{1} << 20;

/// Yields rows. A UTF-8 byte order mark is dropped; lines end with LF or CR LF; empty lines at the
/// end of the file do not count.
class RowReader {
 public:
  virtual ~RowReader() = default;

  /// Puts the next row into `fields`; false at the end. The views last until the next call.
  /// Throws Error "where:line: ..." for malformed rows, invalid UTF-8 and rows past kMaxRowBytes.
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
};

/// The reader for `format`, which must be one of rows. `bytes` must outlive it; `where` names the
/// file in errors. Formats other than JSONL ignore `keys`.
std::unique_ptr<RowReader> make_row_reader(FileFormat format, std::string_view bytes,
                                           std::string where, JsonlKeys keys);

/// The file's text proper: without byte order mark and without line ends at the end.
/// Throws Error for UTF-16.
std::string_view text_of_file(std::string_view bytes, const std::string& where);

/// Throws Error naming the byte unless `text`, which begins on line `line`, is UTF-8.
void check_utf8(std::string_view text, const std::string& where, int64_t line);

/// Throws the Error for a row that begins on line `line` and exceeds kMaxRowBytes.
[[noreturn]] void fail_row_too_long(const std::string& where, int64_t line);

/// Cuts a text into lines, checking length and encoding.
class LineReader {
 public:
  LineReader(std::string_view bytes, std::string where);

  /// The next line without its end; false at the end of the text.
  bool next(std::string_view& line);

  int64_t line() const { return line_; }
  const std::string& where() const { return where_; }

 private:
  std::string where_;
  std::string_view rest_;
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

 private:
  LineReader lines_;
};

}  // namespace pals

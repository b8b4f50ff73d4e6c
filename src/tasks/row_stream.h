// Rows out of a stream of any length, in bounded memory: lines, and rows of TSV, CSV and JSONL.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/input_stream.h"
#include "tasks/csv.h"
#include "tasks/jsonl.h"
#include "tasks/rows.h"

namespace pals {

/// Cuts a stream into lines, or into CSV rows, whose quoted fields may hold line ends. Checks what
/// the readers of whole files check: length, UTF-8, no UTF-16; drops a byte order mark.
class RowCutter {
 public:
  /// `input` must outlive the cutter.
  RowCutter(InputStream& input, bool csv) : input_(input), csv_(csv) {}

  /// The next row without its line end, which may be empty; false at the end. The view lasts until
  /// the next call of next() or at_hand(). Throws Error "where:line: ...".
  bool next(std::string_view& row);

  /// Whether next() would not wait: a whole row or the end is there. Looks for at most
  /// `milliseconds` at a time for more bytes of it.
  bool at_hand(int milliseconds);

  /// The line, from 1, on which the last row began.
  int64_t line() const { return row_line_; }
  LineEnds line_ends() const { return ends_.value_or(LineEnds::kLf); }

  const std::string& where() const { return input_.name(); }

 private:
  bool knows_line_ends();
  bool find_end();
  bool fill();
  void drop_mark();
  void pass_end();
  bool too_long() const { return buffer_.size() - begin_ > kMaxRowBytes + 2; }

  InputStream& input_;
  bool csv_;
  std::string buffer_;
  size_t begin_ = 0;  // of the current row
  size_t scan_ = 0;   // what lies before was searched for the row's end
  bool found_ = false;
  bool mark_checked_ = false;
  bool ended_ = false;
  QuoteScan quotes_;
  std::optional<LineEnds> ends_;
  bool after_cr_ = false;  // which ended the last row: an LF behind it belongs to it
  int64_t line_ = 1;
  int64_t row_line_ = 0;
};

/// Rows of a stream as fields. As the readers of whole files, with one difference that a stream
/// makes necessary: an error further down shows after the rows before it were given.
class StreamedRows : public RowReader {
 public:
  /// `keys`: those of JSONL objects, as for make_row_reader.
  StreamedRows(InputStream& input, FileFormat format, JsonlKeys keys);

  bool next(std::vector<std::string_view>& fields) override;
  int64_t line() const override { return rows_.line(); }
  bool blank() const override { return blank_; }
  bool at_hand(int milliseconds) { return rows_.at_hand(milliseconds); }

 private:
  RowCutter rows_;
  FileFormat format_;
  JsonlFields jsonl_;
  std::optional<CsvReader> csv_;  // of the current row
  bool blank_ = false;
};

}  // namespace pals

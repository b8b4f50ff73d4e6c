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
/// the readers of whole files check: length, UTF-8 (of lines; that of CSV rows is for their reader
/// to check, since what a wrong quote swallows may have faults of its own), no UTF-16; drops a byte
/// order mark.
class RowCutter {
 public:
  /// `input` must outlive the cutter.
  RowCutter(InputStream& input, bool csv) : input_(input), csv_(csv) {}

  /// The next row without its line end, which may be empty; false at the end. The view lasts until
  /// the next call of next() or at_hand(). Throws Error "where:line: ..."; if it goes_on(), the
  /// next row is the one behind the wrong one.
  bool next(std::string_view& row);

  /// Whether an Error was about one row alone, and not about the stream.
  bool goes_on() const { return !broken_; }

  /// To be called before anything else when the row that next() gave is malformed CSV: the next row
  /// begins behind its first line, since a quote that should not be there swallows what follows.
  void give_up_row();

  /// Whether next() would not wait: a whole row or the end is there. Looks for at most
  /// `milliseconds` at a time for more bytes of it.
  bool at_hand(int milliseconds);

  /// The line, from 1, on which the last row began.
  int64_t line() const { return row_line_; }
  /// Bytes of the stream before it.
  uint64_t offset() const { return row_offset_; }
  LineEnds line_ends() const { return ends_.value_or(LineEnds::kLf); }

  const std::string& where() const { return input_.name(); }

 private:
  bool knows_line_ends();
  size_t line_end_from(size_t place) const;
  bool find_end();
  bool drop_line();
  bool fill();
  void drop_mark();
  void pass_end();
  void begin_row();
  bool too_long() const { return buffer_.size() - begin_ > kMaxRowBytes + 2; }

  InputStream& input_;
  bool csv_;
  std::string buffer_;
  size_t begin_ = 0;  // of the current row
  size_t scan_ = 0;   // what lies before was searched for the row's end
  bool found_ = false;
  bool mark_checked_ = false;
  bool ended_ = false;
  bool broken_ = false;    // the stream itself cannot be read
  bool dropping_ = false;  // up to the next line end: the row before was given up
  QuoteScan quotes_;
  std::optional<LineEnds> ends_;
  bool after_cr_ = false;  // which ended the last row: an LF behind it belongs to it
  int64_t line_ = 1;
  int64_t row_line_ = 0;
  uint64_t erased_ = 0;  // bytes that are no longer in the buffer
  uint64_t row_offset_ = 0;
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
  /// As those of RowCutter; of malformed CSV the first line alone is passed over.
  bool goes_on() const { return rows_.goes_on(); }
  uint64_t offset() const { return rows_.offset(); }

 private:
  void read_csv(std::string_view row, std::vector<std::string_view>& fields);

  RowCutter rows_;
  FileFormat format_;
  JsonlFields jsonl_;
  std::optional<CsvReader> csv_;  // of the current row
  bool blank_ = false;
};

}  // namespace pals

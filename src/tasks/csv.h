// CSV as RFC 4180 describes it: quoted fields may hold commas, line ends and doubled quotes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tasks/rows.h"

namespace pals {

/// Rows of a CSV file. A quote inside an unquoted field is text; text
/// after a closing quote and a quote that is never closed are errors with the line.
class CsvReader : public RowReader {
 public:
  /// The rows of a whole file.
  CsvReader(std::string_view bytes, const std::string& where);

  /// The rows of a piece of a file that begins on line `first_line`.
  CsvReader(std::string_view piece, std::string where, int64_t first_line, LineEnds ends);

  bool next(std::vector<std::string_view>& fields) override;
  int64_t line() const override { return row_line_; }
  bool blank() const override { return blank_; }
  /// Whether next() threw since quotes are wrong, and passed over the row's first line alone.
  bool malformed() const { return malformed_; }

 private:
  /// One field of the current row: a piece of the file, or of unescaped_ if it held doubled quotes.
  struct Field {
    size_t begin, length;
    bool unescaped;
  };

  Field read_plain_field();
  Field read_quoted_field();
  size_t row_limit() const;
  bool at_line_end() const;
  void pass_line_end();
  void read_row();
  void pass_first_line();
  [[noreturn]] void fail_open_quote(int64_t line) const;

  std::string where_;
  std::string_view text_;
  LineEnds ends_;
  size_t position_ = 0;
  size_t row_begin_ = 0;
  bool blank_ = false, malformed_ = false;
  int64_t line_;
  int64_t row_line_ = 0;
  std::vector<Field> row_;
  std::string unescaped_;
};

}  // namespace pals

// Texts and labels out of rows: which fields of a row they are, by number or by name.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tasks/rows.h"
#include "tasks/task.h"

namespace pals {

/// The choices that a question may have.
inline constexpr size_t kMostChoices = 256;

/// The texts and the label of one row, as they stand in the file.
struct TextRow {
  std::string_view text_a;
  std::string_view text_b;  ///< empty if the file has no second text
  std::string_view label;   ///< without white space around it; empty if the file has no labels
  std::vector<std::string_view> choices;  ///< multiple choice; empty columns at the end are none
};

/// Yields the texts and labels of a file. Rows of another width than `file.required_columns` are
/// skipped and counted. Where columns are named, and in CSV, all rows must be as wide as the header
/// (without one: as the first row), because a stray separator would shift the texts unnoticed.
class TextRowReader {
 public:
  /// `bytes` must outlive the reader; `where` names the file in errors. Reads the header.
  /// Throws Error for an empty file, and "where:1: ..." for named columns that the header lacks.
  TextRowReader(const DataFile& file, std::string_view bytes, std::string where);

  /// The same over rows from elsewhere: a reader of file.format with the keys that text_keys()
  /// names.
  TextRowReader(const DataFile& file, std::unique_ptr<RowReader> rows, std::string where);

  /// The next row; false at the end. The views last until the next call.
  /// Throws Error "where:line: ..." for rows of a wrong width and as RowReader::next does.
  bool next(TextRow& row);

  /// Rows skipped so far.
  int64_t skipped() const { return skipped_; }

  /// The line, from 1, on which the last row began.
  int64_t line() const { return rows_->line(); }

  /// "where:line" of the last row, for errors about its content.
  std::string position() const;

 private:
  void find_columns(const DataFile& file);
  void read_header(const DataFile& file);
  void check_width(size_t width);
  bool find_fields(size_t width, std::vector<size_t>& fields) const;
  void take_choices(size_t first, TextRow& row) const;
  [[noreturn]] void fail_short_row(size_t width) const;

  std::string where_;
  std::unique_ptr<RowReader> rows_;
  std::vector<int64_t> columns_;  ///< text_a, text_b, label, choices; from the end if negative
  bool has_text_b_ = false, has_label_ = false;
  bool has_list_ = false;  ///< the choices are what follows the columns in a row (a list of JSONL)
  std::vector<std::string_view> row_;
  std::vector<size_t> fields_;  ///< where the columns stand in the row
  std::optional<int> required_columns_;
  bool one_width_ = false;       ///< all rows must be equally wide
  std::optional<size_t> width_;  ///< as wide as this, once known
  int64_t skipped_ = 0;
};

/// The keys of a JSONL file's objects that a TextRowReader wants, in its order; none for other
/// formats. Throws Error for columns given by number.
JsonlKeys text_keys(const DataFile& file, const std::string& where);

/// Throws Error "position: ..." unless there are 2 to kMostChoices choices, none of them empty.
void check_choices(const std::vector<std::string_view>& choices, const std::string& position);

/// Quoted names for an error message; the first of many.
std::string quote_list(const std::vector<std::string>& names);

}  // namespace pals

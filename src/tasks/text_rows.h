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
/// skipped and counted, and so are those with one of the labels `file.unlabelled`. All rows must be
/// as wide as the header (without one: as the first row), because a stray separator would shift the
/// texts unnoticed; but not GLUE's test files, whose columns are given by number. Blank lines are
/// empty texts in a file of one column; elsewhere they are passed over, and counted unless they
/// stand at the end.
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

  /// Rows skipped so far: of another width; blank lines; without a label.
  int64_t skipped() const { return skipped_; }
  int64_t blank_lines() const { return blank_lines_; }
  int64_t unlabelled() const { return unlabelled_; }

  /// The lines of the first of these, from 1; 0: there is none.
  int64_t first_blank_line() const { return first_blank_; }
  int64_t first_unlabelled() const { return first_unlabelled_; }

  /// The line, from 1, on which the last row began.
  int64_t line() const { return rows_->line(); }

  /// "where:line" of the last row, for errors about its content.
  std::string position() const;

 private:
  void find_columns(const DataFile& file);
  void read_header(const DataFile& file);
  bool read_row();
  void count_blanks(int64_t count, int64_t first);
  bool next_row_of_width();
  void check_width(size_t width);
  void check_no_header() const;
  bool repeats_header() const;
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
  std::vector<std::string> unlabelled_labels_;
  std::vector<std::string> header_;  ///< empty if there is none
  bool jsonl_ = false;
  bool one_width_ = false;       ///< all rows must be equally wide
  bool may_be_header_ = false;   ///< nobody said that the first row is none
  std::optional<size_t> width_;  ///< of the first row, once known
  int64_t skipped_ = 0, blank_lines_ = 0, unlabelled_ = 0;
  int64_t first_blank_ = 0, first_unlabelled_ = 0;  ///< lines; 0: none
  int64_t blanks_before_ = 0;                   ///< of a file of one column, before its first row
  std::vector<std::string_view> after_blanks_;  ///< that row
};

/// The keys of a JSONL file's objects that a TextRowReader wants, in its order; none for other
/// formats. Throws Error for columns given by number.
JsonlKeys text_keys(const DataFile& file, const std::string& where);

/// Throws Error "position: ..." unless there are 2 to kMostChoices choices, none of them empty.
void check_choices(const std::vector<std::string_view>& choices, const std::string& position);

/// Whether a field of a first row is what headers call a text, or a label.
bool is_text_name(std::string_view field);
bool is_label_name(std::string_view field);

/// Quoted names for an error message; the first of many.
std::string quote_list(const std::vector<std::string>& names);

}  // namespace pals

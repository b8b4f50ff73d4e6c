// An aligned text table for the terminal.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace pals {

/// Collects rows, then prints them in columns: the first aligned left, the others right (they hold
/// numbers). Widths count code points.
class Table {
 public:
  explicit Table(std::vector<std::string> header);

  /// Shorter rows are filled with empty cells; longer ones throw std::invalid_argument.
  void add_row(std::vector<std::string> cells);

  /// A rule across the table before the next row.
  void add_rule();

  /// Sets the alignment of one column, by number.
  void align_left(size_t column);

  /// The lines, each ended by a line feed, without blanks at their ends.
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;  // rows_[0] is the header; an empty row is a rule
  std::vector<bool> left_;
};

}  // namespace pals

#include "base/table.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace pals {
namespace {

size_t width_of(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;  // not a UTF-8 continuation byte
  }));
}

}  // namespace

Table::Table(std::vector<std::string> header) : left_(header.size(), false) {
  if (header.empty()) throw std::invalid_argument("a table needs a column");
  left_[0] = true;
  rows_.push_back(std::move(header));
}

void Table::add_row(std::vector<std::string> cells) {
  if (cells.size() > left_.size()) throw std::invalid_argument("more cells than columns");
  cells.resize(left_.size());
  rows_.push_back(std::move(cells));
}

void Table::add_rule() { rows_.emplace_back(); }

void Table::align_left(size_t column) { left_.at(column) = true; }

std::string Table::text() const {
  std::vector<size_t> widths(left_.size(), 0);
  for (const auto& row : rows_) {
    for (size_t column = 0; column < row.size(); ++column) {
      widths[column] = std::max(widths[column], width_of(row[column]));
    }
  }
  size_t total = 2 * (widths.size() - 1);
  for (const size_t width : widths) total += width;
  const std::string rule = std::string(total, '-') + "\n";

  std::string text;
  for (size_t number = 0; number < rows_.size(); ++number) {
    if (rows_[number].empty()) {
      text += rule;
      continue;
    }
    std::string line;
    for (size_t column = 0; column < widths.size(); ++column) {
      const std::string& cell = rows_[number][column];
      const std::string fill(widths[column] - width_of(cell), ' ');
      if (column > 0) line += "  ";
      line += left_[column] ? cell + fill : fill + cell;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
    if (number == 0) text += rule;
  }
  return text;
}

}  // namespace pals

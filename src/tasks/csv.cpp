#include "tasks/csv.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace pals {

CsvReader::CsvReader(std::string_view bytes, const std::string& where)
    : CsvReader(text_of_file(bytes, where), where, 1) {}

CsvReader::CsvReader(std::string_view piece, std::string where, int64_t first_line)
    : where_(std::move(where)), text_(piece), line_(first_line) {}

/// The end of what may be looked at for the current row: one byte more than a row may have.
size_t CsvReader::row_limit() const {
  return std::min(text_.size(), row_begin_ + kMaxRowBytes + 1);
}

void CsvReader::fail_open_quote(int64_t line) const {
  fail(where_, ":", line, ": the quote that opens here is never closed; double quotes inside a ",
       "quoted field (\"\") or remove this one");
}

CsvReader::Field CsvReader::read_plain_field() {
  const size_t begin = position_;
  const size_t limit = row_limit();
  while (position_ < limit && text_[position_] != ',' && text_[position_] != '\n') ++position_;
  size_t end = position_;
  const bool row_ends = end == text_.size() || text_[end] == '\n';
  if (row_ends && end > begin && text_[end - 1] == '\r') --end;
  return {begin, end - begin, false};
}

CsvReader::Field CsvReader::read_quoted_field() {
  const int64_t opening_line = line_;
  const size_t limit = row_limit();
  const size_t unescaped_begin = unescaped_.size();
  const size_t begin = ++position_;
  size_t piece_begin = begin;
  bool unescaped = false;
  Field field{};
  while (true) {
    const size_t quote = text_.substr(0, limit).find('"', position_);
    if (quote == std::string_view::npos) {
      if (limit < text_.size()) fail_row_too_long(where_, row_line_);
      fail_open_quote(opening_line);
    }
    line_ += std::count(text_.begin() + static_cast<std::ptrdiff_t>(position_),
                        text_.begin() + static_cast<std::ptrdiff_t>(quote), '\n');
    position_ = quote + 1;
    const bool doubled = position_ < limit && text_[position_] == '"';
    if (doubled || unescaped) {
      unescaped_.append(text_.substr(piece_begin, quote + (doubled ? 1 : 0) - piece_begin));
    }
    if (!doubled) {
      field = unescaped ? Field{unescaped_begin, unescaped_.size() - unescaped_begin, true}
                        : Field{begin, quote - begin, false};
      break;
    }
    unescaped = true;
    piece_begin = ++position_;
  }
  if (position_ + 1 < text_.size() && text_[position_] == '\r' && text_[position_ + 1] == '\n') {
    ++position_;
  }
  if (position_ < text_.size() && text_[position_] != ',' && text_[position_] != '\n') {
    fail(where_, ":", line_, ": text after a closing quote; want a comma or the end of the line ",
         "(a quote inside a quoted field is written twice)");
  }
  return field;
}

bool CsvReader::next(std::vector<std::string_view>& fields) {
  fields.clear();
  row_.clear();
  unescaped_.clear();
  while (position_ < text_.size() && (text_[position_] == '\n' || text_[position_] == '\r')) {
    if (text_[position_] == '\r' && text_.substr(position_, 2) != "\r\n") break;
    if (text_[position_++] == '\n') ++line_;
  }
  if (position_ >= text_.size()) return false;
  row_begin_ = position_;
  row_line_ = line_;
  while (true) {
    const bool quoted_field = position_ < text_.size() && text_[position_] == '"';
    row_.push_back(quoted_field ? read_quoted_field() : read_plain_field());
    if (position_ - row_begin_ > kMaxRowBytes) fail_row_too_long(where_, row_line_);
    const bool more = position_ < text_.size() && text_[position_] == ',';
    if (position_ < text_.size()) ++position_;
    if (!more) break;
  }
  check_utf8(text_.substr(row_begin_, position_ - row_begin_), where_, row_line_);
  // The last field ended at a line feed, unless the text is over.
  if (text_[position_ - 1] == '\n') ++line_;
  for (const Field& field : row_) {
    const std::string_view source = field.unescaped ? std::string_view(unescaped_) : text_;
    fields.push_back(source.substr(field.begin, field.length));
  }
  return true;
}

}  // namespace pals

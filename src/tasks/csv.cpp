#include "tasks/csv.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace pals {

CsvReader::CsvReader(std::string_view bytes, const std::string& where)
    : CsvReader(text_of_file(bytes, where), where, 1,
                line_ends_of(text_of_file(bytes, where), true)) {}

CsvReader::CsvReader(std::string_view piece, std::string where, int64_t first_line, LineEnds ends)
    : where_(std::move(where)), text_(piece), ends_(ends), line_(first_line) {}

bool CsvReader::at_line_end() const {
  const char c = text_[position_];
  return c == '\n' || (c == '\r' && ends_ == LineEnds::kAny);
}

/// At a line end, or at the end of the text.
void CsvReader::pass_line_end() {
  if (position_ >= text_.size()) return;
  position_ += text_.substr(position_).starts_with("\r\n") ? 2 : 1;
  ++line_;
}

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
  while (position_ < limit && text_[position_] != ',' && !at_line_end()) ++position_;
  size_t end = position_;
  const bool row_ends = end == text_.size() || at_line_end();
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
    line_ += count_line_ends(text_.substr(position_, quote - position_), ends_);
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
  // A CR before the end belongs to the line's end.
  const std::string_view rest = text_.substr(position_, 2);
  if (rest == "\r\n" || rest == "\r") ++position_;
  if (position_ < text_.size() && text_[position_] != ',' && !at_line_end()) {
    fail(where_, ":", line_, ": text after a closing quote; want a comma or the end of the line ",
         "(a quote inside a quoted field is written twice)");
  }
  return field;
}

bool CsvReader::next(std::vector<std::string_view>& fields) {
  fields.clear();
  row_.clear();
  unescaped_.clear();
  if (position_ >= text_.size()) return false;
  row_begin_ = position_;
  row_line_ = line_;
  malformed_ = false;
  try {
    read_row();
  } catch (const Error&) {
    malformed_ = true;
    pass_first_line();
    throw;
  }
  const std::string_view row = text_.substr(row_begin_, position_ - row_begin_);
  pass_line_end();
  check_utf8(row, where_, row_line_);
  for (const Field& field : row_) {
    const std::string_view source = field.unescaped ? std::string_view(unescaped_) : text_;
    fields.push_back(source.substr(field.begin, field.length));
  }
  blank_ = is_blank(row);
  return true;
}

void CsvReader::read_row() {
  bool more = true;
  while (more) {
    const bool quoted_field = position_ < text_.size() && text_[position_] == '"';
    row_.push_back(quoted_field ? read_quoted_field() : read_plain_field());
    if (position_ - row_begin_ > kMaxRowBytes) fail_row_too_long(where_, row_line_);
    more = position_ < text_.size() && text_[position_] == ',';
    if (more) ++position_;
  }
}

/// Goes on where a row that is wrong most likely ended: a quote that should not be there has
/// swallowed what follows.
void CsvReader::pass_first_line() {
  position_ = row_begin_;
  line_ = row_line_;
  while (position_ < text_.size() && !at_line_end()) ++position_;
  pass_line_end();
}

}  // namespace pals

#include "tasks/row_stream.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

constexpr size_t kReadBytes = size_t{1} << 16;
constexpr std::string_view kMark = "\xEF\xBB\xBF";
constexpr size_t kLongestStart = 4;  // of those that text_of_file knows

/// Whether more bytes could make it one of the starts that text_of_file knows.
bool may_begin_so(std::string_view text) {
  const auto may_be = [&](std::string_view start) {
    return text.size() < start.size() && start.starts_with(text);
  };
  return may_be(kMark) || std::ranges::any_of(kSpreadsheetStarts, may_be);
}

std::string_view without_cr(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

/// A byte order mark goes, as soon as it is known whether there is one.
void RowCutter::drop_mark() {
  const std::string_view text = buffer_;
  text_of_file(text.substr(0, kLongestStart), where());  // refuses UTF-16 and spreadsheets
  if (!ended_ && may_begin_so(text)) return;
  if (text.starts_with(kMark)) begin_ = scan_ = kMark.size();
  mark_checked_ = true;
}

bool RowCutter::fill() {
  if (ended_) return false;
  broken_ = true;  // until it is known that it is not
  buffer_.erase(0, begin_);
  erased_ += begin_;
  scan_ -= begin_;
  begin_ = 0;
  if (!input_.wait()) fail(where(), ":", line_, ": stopped");
  ended_ = !input_.read(buffer_, kReadBytes);
  if (!mark_checked_) drop_mark();
  broken_ = false;
  return !ended_;
}

/// As far as the buffer tells.
bool RowCutter::knows_line_ends() {
  if (ends_) return true;
  if (!mark_checked_) return false;
  const std::string_view start =
      std::string_view(buffer_).substr(begin_).substr(0, kMaxRowBytes + 2);
  ends_ = find_line_ends(start, csv_, ended_ || start.size() == kMaxRowBytes + 2);
  return ends_.has_value();
}

/// npos if it is not in the buffer.
size_t RowCutter::line_end_from(size_t place) const {
  return find_line_end(buffer_, *ends_, place);
}

/// Passes over what is left of a line; false if its end is not in the buffer.
bool RowCutter::drop_line() {
  const size_t end = line_end_from(begin_);
  dropping_ = end == buffer_.npos;
  begin_ = scan_ = dropping_ ? buffer_.size() : end;
  if (dropping_) return false;
  ++line_;
  pass_end();
  return true;
}

/// Moves scan_ to the end of the current row; false if that is not in the buffer.
bool RowCutter::find_end() {
  if (found_) return true;
  if (!knows_line_ends()) return false;
  if (dropping_ && !drop_line()) return false;
  if (after_cr_ && begin_ < buffer_.size()) {
    if (buffer_[begin_] == '\n') scan_ = ++begin_;
    after_cr_ = false;
  }
  const bool any = *ends_ == LineEnds::kAny;
  if (!csv_) {
    const size_t end = line_end_from(scan_);
    found_ = end != buffer_.npos;
    scan_ = found_ ? end : buffer_.size();
    return found_;
  }
  for (; scan_ < buffer_.size(); ++scan_) {
    const char c = buffer_[scan_];
    if (!quotes_.see(c) && (c == '\n' || (any && c == '\r'))) return found_ = true;
  }
  return false;
}

/// The end of a row that was found.
void RowCutter::pass_end() {
  if (scan_ < buffer_.size()) after_cr_ = buffer_[scan_++] == '\r';
  begin_ = scan_;
  found_ = false;
  quotes_ = {};
}

void RowCutter::begin_row() {
  row_line_ = line_;
  row_offset_ = erased_ + begin_;
}

void RowCutter::give_up_row() {
  begin_ = scan_ = static_cast<size_t>(row_offset_ - erased_);
  line_ = row_line_;
  found_ = after_cr_ = false;
  quotes_ = {};
  dropping_ = true;
}

bool RowCutter::next(std::string_view& row) {
  while (!find_end()) {
    if (too_long()) {
      begin_row();
      give_up_row();
      fail_row_too_long(where(), row_line_);
    }
    if (fill()) continue;
    find_end();  // now that all is there
    if (found_) break;
    if (begin_ == buffer_.size()) return false;
    scan_ = buffer_.size();
    break;
  }
  row = std::string_view(buffer_).substr(begin_, scan_ - begin_);
  begin_row();
  line_ += count_line_ends(row, *ends_) + 1;
  pass_end();
  if (!csv_) row = without_cr(row);  // a reader of CSV sees to its own
  if (without_cr(row).size() > kMaxRowBytes) {
    if (csv_) give_up_row();
    fail_row_too_long(where(), row_line_);
  }
  if (!csv_) check_utf8(row, where(), row_line_);
  return true;
}

bool RowCutter::at_hand(int milliseconds) {
  while (!find_end()) {
    if (ended_ || too_long()) return true;  // next() says so
    if (!input_.at_hand(milliseconds)) return false;
    fill();
  }
  return true;
}

void StreamedRows::read_csv(std::string_view row, std::vector<std::string_view>& fields) {
  csv_.emplace(row, rows_.where(), rows_.line(), rows_.line_ends());
  try {
    csv_->next(fields);
  } catch (const Error&) {
    if (csv_->malformed()) rows_.give_up_row();
    throw;
  }
}

StreamedRows::StreamedRows(InputStream& input, FileFormat format, JsonlKeys keys)
    : rows_(input, format == FileFormat::kCsv), format_(format), jsonl_(std::move(keys)) {}

bool StreamedRows::next(std::vector<std::string_view>& fields) {
  std::string_view row;
  if (!rows_.next(row)) return false;
  blank_ = format_ == FileFormat::kJsonl ? trim(row).empty() : is_blank(row);
  if (format_ == FileFormat::kTsv) {
    split_tsv(row, fields);
  } else if (blank_) {
    fields.assign(format_ == FileFormat::kCsv ? 1 : 0, without_cr(row));
  } else if (format_ == FileFormat::kJsonl) {
    jsonl_.read(row, rows_.where(), rows_.line(), fields);
  } else {
    read_csv(row, fields);
  }
  return true;
}

}  // namespace pals

#include "tasks/row_stream.h"

#include <utility>

#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

constexpr size_t kReadBytes = size_t{1} << 16;
constexpr std::string_view kMark = "\xEF\xBB\xBF";

std::string_view without_cr(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

/// A byte order mark goes, as soon as it is known whether there is one.
void RowCutter::drop_mark() {
  const std::string_view start = std::string_view(buffer_).substr(0, kMark.size());
  text_of_file(start, where());  // refuses UTF-16
  if (start.size() < kMark.size() && kMark.starts_with(start) && !ended_) return;
  if (start == kMark) begin_ = scan_ = start.size();
  mark_checked_ = true;
}

bool RowCutter::fill() {
  if (ended_) return false;
  buffer_.erase(0, begin_);
  scan_ -= begin_;
  begin_ = 0;
  if (!input_.wait()) fail(where(), ":", line_, ": stopped");
  ended_ = !input_.read(buffer_, kReadBytes);
  if (!mark_checked_) drop_mark();
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

/// Moves scan_ to the end of the current row; false if that is not in the buffer.
bool RowCutter::find_end() {
  if (found_) return true;
  if (!knows_line_ends()) return false;
  if (after_cr_ && begin_ < buffer_.size()) {
    if (buffer_[begin_] == '\n') scan_ = ++begin_;
    after_cr_ = false;
  }
  const bool any = *ends_ == LineEnds::kAny;
  if (!csv_) {
    const size_t end = any ? buffer_.find_first_of("\r\n", scan_) : buffer_.find('\n', scan_);
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

bool RowCutter::next(std::string_view& row) {
  while (!find_end()) {
    if (too_long()) fail_row_too_long(where(), line_);
    if (fill()) continue;
    find_end();  // now that all is there
    if (found_) break;
    if (begin_ == buffer_.size()) return false;
    scan_ = buffer_.size();
    break;
  }
  row = std::string_view(buffer_).substr(begin_, scan_ - begin_);
  row_line_ = line_;
  line_ += count_line_ends(row, *ends_) + 1;
  pass_end();
  if (!csv_) row = without_cr(row);  // a reader of CSV sees to its own
  if (without_cr(row).size() > kMaxRowBytes) fail_row_too_long(where(), row_line_);
  check_utf8(row, where(), row_line_);
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
    jsonl_.read(row, concat(rows_.where(), ":", rows_.line()), fields);
  } else {
    csv_.emplace(row, rows_.where(), rows_.line(), rows_.line_ends());
    csv_->next(fields);
  }
  return true;
}

}  // namespace pals

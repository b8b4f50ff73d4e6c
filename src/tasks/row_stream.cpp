#include "tasks/row_stream.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

constexpr size_t kReadBytes = size_t{1} << 16;
constexpr std::string_view kMark = "\xEF\xBB\xBF";

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

/// Moves scan_ to the end of the current row; false if that is not in the buffer.
bool RowCutter::find_end() {
  if (found_) return true;
  if (!mark_checked_) return false;
  if (csv_) return find_csv_end();
  const void* end = std::memchr(buffer_.data() + scan_, '\n', buffer_.size() - scan_);
  found_ = end != nullptr;
  scan_ =
      found_ ? static_cast<size_t>(static_cast<const char*>(end) - buffer_.data()) : buffer_.size();
  return found_;
}

bool RowCutter::find_csv_end() {
  for (; scan_ < buffer_.size(); ++scan_) {
    const char c = buffer_[scan_];
    if (state_ == Csv::kQuoted) {
      if (c == '"') state_ = Csv::kQuoteInQuoted;
    } else if (c == '\n') {
      return found_ = true;
    } else if (c == ',') {
      state_ = Csv::kFieldStart;
    } else if (c == '"' && state_ != Csv::kPlain) {
      state_ = Csv::kQuoted;  // of a field, or the second of two inside one
    } else {
      state_ = Csv::kPlain;
    }
  }
  return false;
}

bool RowCutter::next(std::string_view& row) {
  while (!find_end()) {
    if (too_long()) fail_row_too_long(where(), line_);
    if (fill()) continue;
    if (begin_ == buffer_.size()) return false;
    scan_ = buffer_.size();
    break;
  }
  row = std::string_view(buffer_).substr(begin_, scan_ - begin_);
  row_line_ = line_;
  line_ += std::count(row.begin(), row.end(), '\n') + 1;
  begin_ = scan_ = std::min(scan_ + 1, buffer_.size());
  found_ = false;
  state_ = Csv::kFieldStart;
  if (row.ends_with('\r')) row.remove_suffix(1);
  if (row.size() > kMaxRowBytes) fail_row_too_long(where(), row_line_);
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
  if (format_ == FileFormat::kCsv) return next_csv(fields);
  if (format_ == FileFormat::kJsonl) return next_jsonl(fields);
  std::string_view row;
  if (!next_tsv_row(row)) return false;
  split_tsv(row, fields);
  return true;
}

bool StreamedRows::next_tsv_row(std::string_view& row) {
  if (empty_lines_ > 0) {
    row = --empty_lines_ > 0 ? std::string_view() : after_empty_lines_;
    return true;
  }
  if (!rows_.next(row)) return false;
  if (!row.empty()) return true;
  do {
    ++empty_lines_;
    if (!rows_.next(after_empty_lines_)) {
      empty_lines_ = 0;
      return false;
    }
  } while (after_empty_lines_.empty());
  return true;  // the first empty line; empty_lines_ - 1 more and the row itself are to come
}

int64_t StreamedRows::line() const { return rows_.line() - empty_lines_; }

bool StreamedRows::at_hand(int milliseconds) {
  return empty_lines_ > 0 || rows_.at_hand(milliseconds);
}

bool StreamedRows::next_csv(std::vector<std::string_view>& fields) {
  std::string_view row;
  while (rows_.next(row)) {
    csv_.emplace(row, rows_.where(), rows_.line());
    if (csv_->next(fields)) return true;
  }
  return false;
}

bool StreamedRows::next_jsonl(std::vector<std::string_view>& fields) {
  std::string_view row;
  do {
    if (!rows_.next(row)) return false;
  } while (trim(row).empty());
  jsonl_.read(row, concat(rows_.where(), ":", rows_.line()), fields);
  return true;
}

}  // namespace pals

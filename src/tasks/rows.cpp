#include "tasks/rows.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "tasks/csv.h"
#include "tasks/jsonl.h"

namespace pals {

std::string_view text_of_file(std::string_view bytes, const std::string& where) {
  if (bytes.starts_with("\xFF\xFE") || bytes.starts_with("\xFE\xFF")) {
    fail(where, ": the file is UTF-16, want UTF-8; convert it: iconv -f UTF-16 -t UTF-8");
  }
  if (std::ranges::any_of(kSpreadsheetStarts,
                          [&](auto start) { return bytes.starts_with(start); })) {
    fail(where, ": a spreadsheet (.xlsx, .ods, .xls) or an archive, want text; save the sheet as ",
         "\"CSV UTF-8\", with commas");
  }
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  return bytes;
}

bool is_blank(std::string_view line) { return line.find_first_not_of(" \r") == line.npos; }

bool QuoteScan::see(char c) {
  if (state_ == State::kQuoted) {
    if (c == '"') state_ = State::kQuoteInQuoted;
    return true;
  }
  if (c == '"' && state_ != State::kPlain) {
    state_ = State::kQuoted;  // of a field, or the second of two inside one
    return true;
  }
  state_ = c == ',' ? State::kFieldStart : State::kPlain;
  return false;
}

std::optional<LineEnds> find_line_ends(std::string_view start, bool csv, bool complete) {
  int64_t alone = 0, others = 0;
  QuoteScan quotes;
  for (size_t i = 0; i < start.size(); ++i) {
    const char c = start[i];
    if (csv && quotes.see(c)) continue;
    if (c == '\n' || c == '\r') quotes = {};
    if (c == '\n') {
      ++others;
      if (alone == 0) return LineEnds::kLf;
    } else if (c == '\r') {
      if (i + 1 == start.size() && !complete) return std::nullopt;
      if (i + 1 == start.size() || start[i + 1] != '\n') ++alone;
    }
  }
  if (!complete) return std::nullopt;
  return alone > others ? LineEnds::kAny : LineEnds::kLf;
}

LineEnds line_ends_of(std::string_view text, bool csv) {
  return *find_line_ends(text.substr(0, kMaxRowBytes + 2), csv, true);
}

// The library looks for a single character many times faster than for one of several.
size_t find_line_end(std::string_view text, LineEnds ends, size_t from) {
  return ends == LineEnds::kLf ? text.find('\n', from) : text.find_first_of("\r\n", from);
}

int64_t count_line_ends(std::string_view text, LineEnds ends) {
  int64_t count = std::count(text.begin(), text.end(), '\n');
  if (ends == LineEnds::kLf) return count;
  for (size_t i = text.find('\r'); i != text.npos; i = text.find('\r', i + 1)) {
    if (i + 1 == text.size() || text[i + 1] != '\n') ++count;
  }
  return count;
}

void check_utf8(std::string_view text, const std::string& where, int64_t line) {
  std::optional<size_t> offset = find_invalid_utf8(text);
  const size_t zero = text.find('\0');
  if (zero != text.npos) offset = std::min(zero, offset.value_or(zero));
  if (!offset) return;
  // A CSV row may run over several lines.
  const std::string_view before = text.substr(0, *offset);
  const size_t line_start =
      before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  line += std::count(before.begin(), before.end(), '\n');
  constexpr char kHex[] = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(text[*offset]);
  if (byte == 0) {
    fail(where, ":", line, ": byte ", *offset - line_start + 1,
         " of the line is zero: this is no text, or UTF-16 without a mark; want UTF-8");
  }
  fail(where, ":", line, ": byte ", *offset - line_start + 1, " of the line, 0x", kHex[byte >> 4],
       kHex[byte & 15], ", is not UTF-8; convert the file, for example: iconv -f LATIN1 -t UTF-8");
}

void fail_row_too_long(const std::string& where, int64_t line) {
  fail(where, ":", line, ": the row that begins here is longer than ", kMaxRowBytes,
       " bytes; is this the right file and format?");
}

LineReader::LineReader(std::string_view bytes, std::string where)
    : where_(std::move(where)),
      rest_(text_of_file(bytes, where_)),
      ends_(line_ends_of(rest_, false)) {}

bool LineReader::next(std::string_view& line) {
  if (rest_.empty()) return false;
  ++line_;
  // One byte more than allowed, and the line end.
  const size_t window = std::min(rest_.size(), kMaxRowBytes + 2);
  line = rest_.substr(0, window);
  const size_t end = find_line_end(line, ends_, 0);
  if (end == line.npos) {
    if (window < rest_.size()) {
      rest_.remove_prefix(std::min(rest_.size(), find_line_end(rest_, ends_, window)));
      rest_.remove_prefix(rest_.starts_with("\r\n") ? 2 : std::min<size_t>(1, rest_.size()));
      fail_row_too_long(where_, line_);
    }
    rest_ = {};
  } else {
    line = line.substr(0, end);
    rest_.remove_prefix(rest_.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
  }
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.size() > kMaxRowBytes) fail_row_too_long(where_, line_);
  check_utf8(line, where_, line_);
  return true;
}

void split_tsv(std::string_view line, std::vector<std::string_view>& fields) {
  fields.clear();
  while (true) {
    const size_t tab = line.find('\t');
    fields.push_back(line.substr(0, tab));
    if (tab == std::string_view::npos) return;
    line.remove_prefix(tab + 1);
  }
}

bool TsvReader::next(std::vector<std::string_view>& fields) {
  std::string_view line;
  if (!lines_.next(line)) return false;
  blank_ = is_blank(line);
  split_tsv(line, fields);
  return true;
}

std::unique_ptr<RowReader> make_row_reader(FileFormat format, std::string_view bytes,
                                           std::string where, JsonlKeys keys) {
  switch (format) {
    case FileFormat::kCsv:
      return std::make_unique<CsvReader>(bytes, std::move(where));
    case FileFormat::kJsonl:
      return std::make_unique<JsonlReader>(bytes, std::move(where), std::move(keys));
    case FileFormat::kSquad:
    case FileFormat::kConll:
    case FileFormat::kConllu:
      throw std::logic_error("make_row_reader: a format without rows");
    case FileFormat::kTsv:
      break;
  }
  return std::make_unique<TsvReader>(bytes, std::move(where));
}

}  // namespace pals

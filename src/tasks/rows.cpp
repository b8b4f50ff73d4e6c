#include "tasks/rows.h"

#include <algorithm>
#include <cstring>
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
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  while (!bytes.empty() && (bytes.back() == '\n' || bytes.back() == '\r')) bytes.remove_suffix(1);
  return bytes;
}

void check_utf8(std::string_view text, const std::string& where, int64_t line) {
  const std::optional<size_t> offset = find_invalid_utf8(text);
  if (!offset) return;
  // A CSV row may run over several lines.
  const std::string_view before = text.substr(0, *offset);
  const size_t line_start =
      before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  line += std::count(before.begin(), before.end(), '\n');
  constexpr char kHex[] = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(text[*offset]);
  fail(where, ":", line, ": byte ", *offset - line_start + 1, " of the line, 0x", kHex[byte >> 4],
       kHex[byte & 15], ", is not UTF-8; convert the file, for example: iconv -f LATIN1 -t UTF-8");
}

void fail_row_too_long(const std::string& where, int64_t line) {
  fail(where, ":", line, ": the row that begins here is longer than ", kMaxRowBytes,
       " bytes; is this the right file and format?");
}

LineReader::LineReader(std::string_view bytes, std::string where)
    : where_(std::move(where)), rest_(text_of_file(bytes, where_)) {}

bool LineReader::next(std::string_view& line) {
  if (rest_.empty()) return false;
  ++line_;
  // One byte more than allowed, and the line end.
  const size_t window = std::min(rest_.size(), kMaxRowBytes + 2);
  const void* end = std::memchr(rest_.data(), '\n', window);
  if (end == nullptr) {
    if (window < rest_.size()) fail_row_too_long(where_, line_);
    line = rest_;
    rest_ = {};
  } else {
    const auto length = static_cast<size_t>(static_cast<const char*>(end) - rest_.data());
    line = rest_.substr(0, length);
    rest_.remove_prefix(length + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
  }
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
      throw std::logic_error("make_row_reader: a SQuAD file has no rows");
    case FileFormat::kTsv:
      break;
  }
  return std::make_unique<TsvReader>(bytes, std::move(where));
}

}  // namespace pals

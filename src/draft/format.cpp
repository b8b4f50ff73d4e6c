#include "draft/format.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/text_util.h"
#include "tasks/rows.h"

namespace pals {
namespace {

constexpr size_t kStartBytes = size_t{1} << 16;
constexpr size_t kStartLines = 50;
constexpr size_t kBinaryBytes = 512;  // of which binary formats have one that is zero
constexpr const char* kFormats = "TSV, CSV, JSONL, CoNLL or SQuAD's JSON";

using Lines = std::vector<std::string_view>;

std::string_view start_of(std::string_view bytes) { return bytes.substr(0, kStartBytes); }

/// The first lines that are not blank.
Lines first_lines(std::string_view bytes) {
  const std::string_view start = start_of(bytes);
  // Where lines end in CR alone, as those of old spreadsheets do.
  const char end = start.find('\n') == start.npos ? '\r' : '\n';
  Lines lines;
  for (const std::string_view line : split(start, end)) {
    if (!trim(line).empty()) lines.push_back(trim(line));
    if (lines.size() == kStartLines) break;
  }
  return lines;
}

bool all_have(const Lines& lines, char c) {
  return !lines.empty() &&
         std::ranges::all_of(lines, [&](auto line) { return line.find(c) != line.npos; });
}

/// Lines of a word and a tag, and blank lines between sentences.
bool looks_like_conll(std::string_view bytes, const Lines& lines) {
  const std::string_view start = start_of(bytes);
  if (start.find("\n\n") == start.npos && start.find("\n\r\n") == start.npos) return false;
  return !lines.empty() && std::ranges::all_of(lines, [](std::string_view line) {
    const auto breaks = std::ranges::count_if(line, [](char c) { return c == ' ' || c == '\t'; });
    return line.starts_with('#') || (breaks >= 1 && breaks <= 12 && line.size() < 200);
  });
}

/// Whether the separator parts nearly all lines into equally many fields, two or more. One in
/// quotes is text.
bool parts_all(const Lines& lines, char separator) {
  const auto fields_of = [&](std::string_view line) {
    bool quoted = false;
    return 1 + std::ranges::count_if(line, [&](char c) {
             if (c == '"') quoted = !quoted;
             return c == separator && !quoted;
           });
  };
  if (lines.empty() || fields_of(lines.front()) < 2) return false;
  // The last line may be cut, and a text in quotes may hold line ends.
  const auto alike = std::ranges::count(lines, fields_of(lines.front()), fields_of);
  return static_cast<size_t>(alike) * 10 >= lines.size() * 9;
}

/// Refuses columns that semicolons, as spreadsheets of some countries write, or bars part.
void refuse_foreign_separators(const Lines& lines, const std::string& path) {
  for (const char separator : {';', '|'}) {
    if (!parts_all(lines, separator)) continue;
    fail(path, separator == ';' ? ": semicolons" : ": bars",
         " part its columns, want commas; save it with commas, or: python3 -c \"import csv, sys; ",
         "csv.writer(sys.stdout).writerows(csv.reader(sys.stdin, delimiter='", separator,
         "'))\" < FILE > NEW.csv");
  }
}

}  // namespace

void refuse_binary(std::string_view bytes, const std::string& path) {
  const std::string_view start = text_of_file(bytes, path).substr(0, kBinaryBytes);
  if (start.starts_with("PAR1")) {
    fail(path, ": Parquet is not read, want ", kFormats,
         "; write it as JSONL: python3 -c \"import ",
         "pandas; pandas.read_parquet('FILE').to_json('FILE.jsonl', orient='records', ",
         "lines=True)\"");
  }
  if (start.find('\0') == start.npos) return;
  fail(path, ": its bytes are no text (or UTF-16 without a mark); want ", kFormats,
       " in UTF-8; write the data as one of them");
}

void refuse_other_separators(std::string_view bytes, FileFormat format, const std::string& path) {
  const Lines lines = first_lines(text_of_file(bytes, path));
  const bool csv = format == FileFormat::kCsv;
  if (parts_all(lines, csv ? ',' : '\t')) return;
  if (parts_all(lines, csv ? '\t' : ',')) {
    fail(path, csv ? ": tabs part its columns, want commas, as its name says; name it .tsv"
                   : ": commas part its columns, want tabs, as its name says; name it .csv");
  }
  refuse_foreign_separators(lines, path);
}

FileFormat format_of_content(std::string_view bytes, const std::string& path) {
  const Lines lines = first_lines(text_of_file(bytes, path));
  if (lines.empty()) fail(path, ": the file is empty");
  if (lines.front().starts_with('[')) {
    fail(path,
         ": a JSON list; want an object a line, for example by: jq -c '.[]' FILE > FILE.jsonl");
  }
  if (lines.front().starts_with('{')) {
    const bool alone = lines.size() == 1 || !lines[1].starts_with('{');
    const bool squad = alone && start_of(bytes).find("\"data\"") != std::string_view::npos;
    return squad ? FileFormat::kSquad : FileFormat::kJsonl;
  }
  if (looks_like_conll(bytes, lines)) return FileFormat::kConll;
  if (all_have(lines, '\t')) return FileFormat::kTsv;
  if (!parts_all(lines, ',')) refuse_foreign_separators(lines, path);
  if (all_have(lines, ',')) return FileFormat::kCsv;
  fail(path, ": neither tabs nor commas part its columns; want ", kFormats);
}

}  // namespace pals

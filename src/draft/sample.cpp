#include "draft/sample.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/text_util.h"
#include "base/unpack.h"
#include "tasks/jsonl.h"
#include "tasks/rows.h"
#include "tasks/squad.h"
#include "tasks/text_rows.h"

namespace pals {
namespace {

constexpr size_t kMostColumns = 1000;
constexpr size_t kLongestName = 40;  // of a column that is taken for one
constexpr size_t kStartBytes = size_t{1} << 16;
constexpr size_t kStartLines = 50;

using Fields = std::vector<std::string>;

std::string_view start_of(std::string_view bytes) { return bytes.substr(0, kStartBytes); }

/// The first lines that are not blank.
std::vector<std::string_view> first_lines(std::string_view bytes) {
  std::vector<std::string_view> lines;
  for (const std::string_view line : split(start_of(bytes), '\n')) {
    if (!trim(line).empty()) lines.push_back(trim(line));
    if (lines.size() == kStartLines) break;
  }
  return lines;
}

bool all_have(const std::vector<std::string_view>& lines, char c) {
  return !lines.empty() &&
         std::ranges::all_of(lines, [&](auto line) { return line.find(c) != line.npos; });
}

/// Lines of a word and a tag, and blank lines between sentences.
bool looks_like_conll(std::string_view bytes) {
  const std::string_view start = start_of(bytes);
  if (start.find("\n\n") == start.npos && start.find("\n\r\n") == start.npos) return false;
  const std::vector<std::string_view> lines = first_lines(bytes);
  return !lines.empty() && std::ranges::all_of(lines, [](std::string_view line) {
    const auto breaks = std::ranges::count_if(line, [](char c) { return c == ' ' || c == '\t'; });
    return line.starts_with('#') || (breaks >= 1 && breaks <= 12 && line.size() < 200);
  });
}

FileFormat format_of_content(std::string_view bytes, const std::string& path) {
  const std::vector<std::string_view> lines = first_lines(text_of_file(bytes, path));
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
  if (looks_like_conll(bytes)) return FileFormat::kConll;
  if (all_have(lines, '\t')) return FileFormat::kTsv;
  if (all_have(lines, ',')) return FileFormat::kCsv;
  fail(path,
       ": neither tabs nor commas part its columns; want TSV, CSV, JSONL, CoNLL or SQuAD's JSON",
       all_have(lines, ';') ? " (semicolons do: save it with commas)" : "");
}

bool is_number(std::string_view text) { return parse_double(trim(text)).has_value(); }

/// The rows of a TSV or CSV file, blank lines left out; those of another width than most are
/// counted.
std::vector<Fields> table_rows(std::string_view bytes, Sample& sample) {
  const auto reader = make_row_reader(sample.format, bytes, sample.path, {});
  std::vector<Fields> rows;
  std::map<size_t, size_t> widths;
  for (std::vector<std::string_view> fields; rows.size() <= kSampleRows;) {
    try {
      if (!reader->next(fields)) break;
    } catch (const Error&) {
      ++sample.other_widths;
      continue;
    }
    if (reader->blank()) continue;
    rows.emplace_back(fields.begin(), fields.end());
    ++widths[rows.back().size()];
  }
  if (rows.empty()) fail(sample.path, ": no row that can be read; is it UTF-8?");
  const size_t width =
      std::ranges::max_element(widths, {}, [](const auto& one) { return one.second; })->first;
  if (width > kMostColumns) fail(sample.path, ": ", width, " columns, at most ", kMostColumns);
  const size_t before = rows.size();
  std::erase_if(rows, [&](const Fields& row) { return row.size() != width; });
  sample.other_widths += before - rows.size();
  return rows;
}

/// Whether a first row names the columns; `sure` says how clear that is.
bool is_header(const std::vector<Fields>& rows, bool& sure) {
  const Fields& first = rows.front();
  sure = true;
  std::set<std::string> distinct;
  bool named = false;
  for (const std::string& field : first) {
    const std::string_view name = trim(field);
    if (name.size() > kLongestName || is_number(name)) return false;
    if (name.empty()) continue;  // of a column of numbers, perhaps
    if (!distinct.insert(std::string(name)).second) return false;
    named = named || is_text_name(name) || is_label_name(name);
  }
  if (named) return true;
  if (distinct.size() < first.size()) return false;
  if (rows.size() < 3) {
    sure = false;
    return false;
  }
  // A column of numbers has a word on top; or one of few words has another one there.
  for (size_t c = 0; c < first.size(); ++c) {
    std::map<std::string, size_t> others;
    size_t numbers = 0;
    for (size_t r = 1; r < rows.size(); ++r) {
      ++others[rows[r][c]];
      numbers += is_number(rows[r][c]) ? 1 : 0;
    }
    if (numbers == rows.size() - 1) return true;
    const bool few = others.size() * 4 <= rows.size() && !others.contains(first[c]);
    if (few) {
      sure = false;
      return true;
    }
  }
  sure = rows.size() > 20;
  return false;
}

void read_table(std::string_view bytes, Sample& sample) {
  std::vector<Fields> rows = table_rows(bytes, sample);
  sample.header = is_header(rows, sample.header_sure);
  sample.columns.resize(rows.front().size());
  for (size_t r = 0; r < rows.size(); ++r) {
    for (size_t c = 0; c < sample.columns.size(); ++c) {
      SampleColumn& column = sample.columns[c];
      if (r == 0 && sample.header) {
        column.name = trim(rows[r][c]);
      } else {
        column.values.emplace_back(trim(rows[r][c]));
      }
    }
  }
  sample.rows = rows.size() - (sample.header ? 1 : 0);
  if (sample.rows == 0) fail(sample.path, ": a header alone, no rows");
}

bool is_span(const Json& item) {
  if (item.is_array()) {
    return item.size() == 3 && item[0].is_number_integer() && item[1].is_number_integer() &&
           item[2].is_string();
  }
  return item.is_object() && item.contains("start") && item.contains("end") &&
         item.contains("label");
}

/// What one value of JSON is; nothing for an empty list, which may be of texts or spans.
std::optional<FieldKind> kind_of_value(const Json& value) {
  if (value.is_string() || value.is_number() || value.is_boolean()) return FieldKind::kText;
  if (!value.is_array()) return FieldKind::kMixed;
  if (value.empty()) return std::nullopt;
  const auto all = [&](const auto& is) { return std::ranges::all_of(value, is); };
  if (all([](const Json& item) { return item.is_string() || item.is_number_integer(); })) {
    return FieldKind::kTextList;
  }
  return all(is_span) ? FieldKind::kSpanList : FieldKind::kMixed;
}

/// Collects the values of one key.
struct KeyValues {
  std::optional<FieldKind> kind;  ///< nothing yet: empty lists alone
  bool mixed = false;
  SampleColumn column;

  void add(const Json& value) {
    if (value.is_null()) {  // of a label: none; the rows stay in step
      column.values.emplace_back();
      return;
    }
    const std::optional<FieldKind> found = kind_of_value(value);
    if (found == FieldKind::kMixed || (found && kind && *found != *kind)) mixed = true;
    if (found) kind = found;
    if (mixed) return;
    if (found == FieldKind::kText) {
      column.values.push_back(value.is_string() ? std::string(trim(value.get<std::string>()))
                                                : value.dump());
    } else if (found != FieldKind::kSpanList) {
      std::vector<std::string>& list = column.lists.emplace_back();
      for (const Json& item : value) {
        list.push_back(item.is_string() ? item.get<std::string>() : item.dump());
      }
    }
  }
};

void read_jsonl(std::string_view bytes, Sample& sample) {
  LineReader lines(bytes, sample.path);
  std::vector<std::string> order;
  std::map<std::string, KeyValues> keys;
  std::map<std::string, size_t> counts;
  std::string_view line;
  while (sample.rows < kSampleRows) {
    Json object;
    try {
      if (!lines.next(line)) break;
      if (trim(line).empty()) continue;
      object = parse_json_line(line, concat(sample.path, ":", lines.line()));
    } catch (const Error&) {
      if (sample.rows == 0) throw;
      ++sample.other_widths;
      continue;
    }
    ++sample.rows;
    for (const auto& [key, value] : object.items()) {
      if (!keys.contains(key)) {
        if (keys.size() == kMostColumns) fail(sample.path, ": more than ", kMostColumns, " keys");
        order.push_back(key);
      }
      keys[key].add(value);
      ++counts[key];
    }
  }
  if (sample.rows == 0) fail(sample.path, ": the file is empty");
  for (const std::string& key : order) {
    KeyValues& values = keys[key];
    SampleColumn column = std::move(values.column);
    column.name = key;
    const bool whole = counts[key] == sample.rows && !values.mixed && !key.empty();
    column.kind = whole ? values.kind.value_or(FieldKind::kTextList) : FieldKind::kMixed;
    sample.columns.push_back(std::move(column));
  }
}

}  // namespace

Sample read_sample(const std::string& path) {
  const UnpackedFile content(path);
  Sample sample{.path = path};
  const std::optional<FileFormat> named = format_of_name(path);
  sample.format_named = named.has_value();
  sample.format = named ? *named : format_of_content(content.bytes(), path);
  if (trim(text_of_file(content.bytes(), path)).empty()) fail(path, ": the file is empty");
  switch (sample.format) {
    case FileFormat::kTsv:
    case FileFormat::kCsv:
      read_table(content.bytes(), sample);
      break;
    case FileFormat::kJsonl:
      read_jsonl(content.bytes(), sample);
      break;
    case FileFormat::kSquad: {
      const QuestionSet set = parse_squad(content.bytes(), path, {.unanswerable = true});
      sample.unanswerable = std::ranges::any_of(
          set.questions, [](const Question& question) { return question.answers.empty(); });
      sample.rows = set.questions.size();
      break;
    }
    case FileFormat::kConll:
    case FileFormat::kConllu:
      break;
  }
  return sample;
}

}  // namespace pals

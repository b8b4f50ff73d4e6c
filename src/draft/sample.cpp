#include "draft/sample.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/text_util.h"
#include "base/unpack.h"
#include "draft/format.h"
#include "tasks/jsonl.h"
#include "tasks/rows.h"
#include "tasks/squad.h"
#include "tasks/text_rows.h"

namespace pals {
namespace {

constexpr size_t kMostColumns = 1000;
constexpr size_t kLongestColumnName = 40;  // of a column that is taken for one

using Fields = std::vector<std::string>;

struct Row {
  Fields fields;
  int64_t line = 0;
};

bool is_number(std::string_view text) { return parse_double(trim(text)).has_value(); }

/// Whether so few of the rows are exceptions.
bool are_few(size_t exceptions, size_t rows) { return exceptions * kValuesPerException <= rows; }

void leave_out(const std::string& fault, Sample& sample) {
  if (sample.left_out++ == 0) sample.first_fault = fault;
}

/// Leaves out rows that are not as wide as the first one, if they are few; else refuses them.
void leave_out_other_widths(std::vector<Row>& rows, Sample& sample) {
  const int64_t line = rows.front().line;
  const size_t width = rows.front().fields.size();
  const auto is_other = [&](const Row& row) { return row.fields.size() != width; };
  const auto others = static_cast<size_t>(std::ranges::count_if(rows, is_other));
  const bool few = are_few(others, rows.size());
  for (const Row& row : rows) {
    if (!is_other(row)) continue;
    const char* csv = "; a field with commas wants double quotes around it";
    const char* tsv = "; is a tab part of a field?";
    const std::string fault = concat(
        sample.path, ":", row.line, ": ", counted(std::ssize(row.fields), "field"), ", but line ",
        line, ", the first row, has ", width,
        few ? "" : concat(", as ", rows.size() - others, " of ", counted(std::ssize(rows), "row")),
        row.fields.size() < width           ? "; is a separator missing?"
        : sample.format == FileFormat::kCsv ? csv
                                            : tsv);
    if (!few) fail(fault);
    leave_out(fault, sample);
  }
  std::erase_if(rows, is_other);
}

/// The rows of a TSV or CSV file, blank lines left out, and a few that cannot be read.
std::vector<Row> table_rows(std::string_view bytes, Sample& sample) {
  const auto reader = make_row_reader(sample.format, bytes, sample.path, {});
  std::vector<Row> rows;
  for (std::vector<std::string_view> fields; rows.size() <= kSampleRows;) {
    try {
      if (!reader->next(fields)) break;
    } catch (const Error& error) {
      leave_out(error.what(), sample);
      continue;
    }
    if (reader->blank()) continue;
    rows.push_back({Fields(fields.begin(), fields.end()), reader->line()});
  }
  if (rows.empty()) fail(sample.first_fault);  // a file without any is refused as empty
  const size_t width = rows.front().fields.size();
  if (width > kMostColumns) fail(sample.path, ": ", width, " columns, at most ", kMostColumns);
  leave_out_other_widths(rows, sample);
  return rows;
}

/// Whether the first row names the columns; `sample.header_sure` says how clear that is. Throws
/// Error for a header with a name twice.
bool is_header(const std::vector<Row>& rows, Sample& sample) {
  const Fields& first = rows.front().fields;
  sample.header_sure = true;
  std::map<std::string, size_t, std::less<>> places;
  std::string repeated;
  bool named = false, nameless = false;
  for (size_t c = 0; c < first.size(); ++c) {
    const std::string_view name = trim(first[c]);
    if (name.size() > kLongestColumnName || is_number(name)) return false;
    nameless = nameless || name.empty();
    if (name.empty()) continue;  // of a column of numbers, perhaps
    const auto [found, added] = places.emplace(name, c);
    if (!added)
      repeated = concat(quote(name), " (columns ", found->second, " and ", c, ", from 0)");
    named = named || is_text_name(name) || is_label_name(name);
  }
  const auto unless_repeated = [&] {
    if (repeated.empty()) return true;
    fail(sample.path, ":", rows.front().line, ": the header has a name twice, ", repeated,
         "; give each column a name of its own (if this row is no header, write the task file by ",
         "hand, with \"header\": false)");
  };
  if (named) return unless_repeated();
  if (nameless) return false;
  if (rows.size() < 3) {
    sample.header_sure = false;
    return false;
  }
  // A column of numbers has a word on top; or one of few words has another one there.
  for (size_t c = 0; c < first.size(); ++c) {
    std::map<std::string, size_t> others;
    size_t numbers = 0;
    for (size_t r = 1; r < rows.size(); ++r) {
      ++others[rows[r].fields[c]];
      numbers += is_number(rows[r].fields[c]) ? 1 : 0;
    }
    if (are_few(rows.size() - 1 - numbers, rows.size() - 1)) return unless_repeated();
    const bool few = others.size() * 4 <= rows.size() && !others.contains(first[c]);
    if (few && repeated.empty()) {
      sample.header_sure = false;
      return true;
    }
  }
  sample.header_sure = rows.size() > 20;
  return false;
}

void read_table(std::string_view bytes, Sample& sample) {
  refuse_other_separators(bytes, sample.format, sample.path);
  const std::vector<Row> rows = table_rows(bytes, sample);
  sample.header = is_header(rows, sample);
  sample.columns.resize(rows.front().fields.size());
  for (size_t r = 0; r < rows.size(); ++r) {
    for (size_t c = 0; c < sample.columns.size(); ++c) {
      SampleColumn& column = sample.columns[c];
      if (r == 0 && sample.header) {
        column.name = trim(rows[r].fields[c]);
      } else {
        column.values.emplace_back(trim(rows[r].fields[c]));
      }
    }
    if (r > 0 || !sample.header) sample.lines.push_back(rows[r].line);
  }
  sample.rows = rows.size() - (sample.header ? 1 : 0);
  if (sample.rows > 0) return;
  if (sample.left_out > 0) fail(sample.first_fault);
  fail(sample.path, ": a header alone, no rows");
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
  size_t rows = 0;  ///< that have the key
  SampleColumn column;

  void add(const Json& value) {
    if (value.is_null()) {  // of a label: none; the rows stay in step
      column.values.emplace_back();
      return;
    }
    const std::optional<FieldKind> found = kind_of_value(value);
    const bool unlike = found && kind && *found != *kind;
    if (found == FieldKind::kMixed || unlike) mixed = true;
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

/// The objects of a JSONL file, each with its line.
struct Objects {
  std::vector<Json> items;
  std::vector<int64_t> lines;
  std::vector<KeyValues> keys;  ///< in the order in which they come
};

Objects read_objects(std::string_view bytes, Sample& sample) {
  LineReader lines(bytes, sample.path);
  Objects objects;
  std::map<std::string, size_t> known;
  std::string_view line;
  while (objects.items.size() < kSampleRows) {
    Json object;
    try {
      if (!lines.next(line)) break;
      if (trim(line).empty()) continue;
      object = parse_json_line(line, concat(sample.path, ":", lines.line()));
    } catch (const Error& error) {
      if (objects.items.empty()) throw;
      leave_out(error.what(), sample);
      continue;
    }
    for (const auto& [key, value] : object.items()) {
      const auto [found, added] = known.emplace(key, objects.keys.size());
      if (added) objects.keys.emplace_back().column.name = key;
      ++objects.keys[found->second].rows;
    }
    if (known.size() > kMostColumns) fail(sample.path, ": more than ", kMostColumns, " keys");
    objects.items.push_back(std::move(object));
    objects.lines.push_back(lines.line());
  }
  if (objects.items.empty()) fail(sample.path, ": the file is empty");
  return objects;
}

/// Says of each key which rows lack it; 1 for those that lack one which nearly all have, such as a
/// mistyped one.
std::vector<uint8_t> find_lacking(const std::string& path, Objects& objects) {
  std::vector<uint8_t> lacking(objects.items.size());
  for (KeyValues& key : objects.keys) {
    key.column.lacking = objects.items.size() - key.rows;
    const bool few = are_few(key.column.lacking, objects.items.size());
    for (size_t i = 0; key.column.lacking > 0 && i < objects.items.size(); ++i) {
      if (objects.items[i].contains(key.column.name)) continue;
      if (few) lacking[i] = 1;
      if (!key.column.fault.empty()) continue;
      try {
        value_at(objects.items[i], key.column.name, concat(path, ":", objects.lines[i]));
      } catch (const Error& error) {
        key.column.fault = error.what();
      }
    }
  }
  return lacking;
}

/// How a person would name what a value is.
const char* name_of_value(const Json& value) {
  return value.is_array() ? "a list" : value.is_object() ? "an object" : "no list";
}

/// Says of each key which rows have another kind of value there than most, and marks them where
/// they are few.
void find_unlike(const std::string& path, Objects& objects, std::vector<uint8_t>& aside) {
  for (KeyValues& key : objects.keys) {
    std::map<std::optional<FieldKind>, std::vector<size_t>> rows;
    size_t all = 0;
    for (size_t i = 0; i < objects.items.size(); ++i) {
      const auto found = objects.items[i].find(key.column.name);
      if (found == objects.items[i].end() || found->is_null()) continue;
      rows[kind_of_value(*found)].push_back(i);
      ++all;
    }
    if (rows.size() < 2) continue;
    const auto most =
        std::ranges::max_element(rows, {}, [](const auto& one) { return one.second.size(); });
    const std::optional<FieldKind> usual = most->first;
    if (!usual || usual == FieldKind::kMixed) continue;
    if (usual != FieldKind::kText) rows.erase(std::nullopt);  // a list may be empty
    size_t first = objects.items.size(), others = 0;
    for (const auto& [kind, unlike] : rows) {
      if (kind == usual) continue;
      others += unlike.size();
      first = std::min(first, unlike.front());
    }
    if (others == 0) continue;
    key.column.unlike = others;
    key.column.unlike_fault = concat(
        path, ":", objects.lines[first], ": key ", quote(key.column.name), " is ",
        name_of_value(objects.items[first][key.column.name]), ", unlike in ", rows[usual].size(),
        " of ", counted(static_cast<int64_t>(all), "row"), "; write it alike in all rows");
    if (!are_few(others, all)) continue;
    for (const auto& [kind, unlike] : rows) {
      for (const size_t row : unlike) aside[row] |= kind == usual ? 0 : 1;
    }
  }
}

void read_jsonl(std::string_view bytes, Sample& sample) {
  Objects objects = read_objects(bytes, sample);
  std::vector<uint8_t> lacking = find_lacking(sample.path, objects);
  find_unlike(sample.path, objects, lacking);
  const auto complete = static_cast<size_t>(std::ranges::count(lacking, uint8_t{0}));
  if (complete * 2 < lacking.size()) lacking.assign(lacking.size(), 0);  // keys of some rows
  for (KeyValues& key : objects.keys) key.rows = 0;
  for (size_t i = 0; i < objects.items.size(); ++i) {
    if (lacking[i] != 0) continue;
    ++sample.rows;
    sample.lines.push_back(objects.lines[i]);
    for (KeyValues& key : objects.keys) {
      const auto found = objects.items[i].find(key.column.name);
      if (found == objects.items[i].end()) continue;
      key.add(*found);
      ++key.rows;
    }
  }
  for (KeyValues& key : objects.keys) {
    const bool whole = key.rows == sample.rows && !key.mixed && !key.column.name.empty();
    key.column.kind = whole ? key.kind.value_or(FieldKind::kTextList) : FieldKind::kMixed;
    sample.columns.push_back(std::move(key.column));
  }
}

}  // namespace

Sample read_sample(const std::string& path) {
  const UnpackedFile content(path);
  refuse_binary(content.bytes(), path);
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

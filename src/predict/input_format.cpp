#include "predict/input_format.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "base/text_util.h"
#include "tasks/rows.h"

namespace pals {
namespace {

/// The object that a line holds, if it is one.
std::optional<Json> object_of(std::string_view line) {
  if (!trim(line).starts_with('{')) return std::nullopt;
  try {
    Json value = parse_json(line, "");
    if (value.is_object()) return value;
  } catch (const Error&) {
    // A line of text may begin as one.
  }
  return std::nullopt;
}

/// The first line of a piece that is not blank; nothing if it may go on behind the piece.
std::optional<std::string_view> line_in(std::string_view piece, bool complete) {
  while (!piece.empty()) {
    const size_t end = piece.find_first_of("\r\n");
    if (end == piece.npos && !complete) return std::nullopt;
    const std::string_view line = piece.substr(0, end);
    if (!is_blank(line)) return line;
    piece.remove_prefix(end == piece.npos ? piece.size() : end + 1);
  }
  return complete ? std::optional(piece) : std::nullopt;
}

}  // namespace

std::string first_line(InputStream& input) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  bool more = true;
  while (true) {
    std::string_view piece = input.ahead();
    const bool complete = !more || piece.size() > kMaxRowBytes;
    if (piece.starts_with(kMark)) piece.remove_prefix(kMark.size());
    if (const auto line = line_in(piece, complete)) return std::string(*line);
    more = input.look_ahead();
  }
}

std::vector<std::string> column_names(std::string_view line, FileFormat format) {
  std::vector<std::string> names;
  if (format == FileFormat::kJsonl) {
    const std::optional<Json> object = object_of(line);
    if (!object) return names;
    for (const auto& item : object->items()) names.push_back(item.key());
    return names;
  }
  std::vector<std::string_view> fields;
  try {
    make_row_reader(format, line, "", {})->next(fields);
  } catch (const Error&) {
    return names;  // its reader will say what is wrong
  }
  for (const std::string_view field : fields) names.emplace_back(trim(field));
  return names;
}

bool holds_all(const std::vector<std::string>& names, const std::vector<std::string>& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  });
}

std::optional<std::vector<std::string>> names_of_columns(const DataFile& file) {
  std::vector<Column> columns = file.choices;
  columns.push_back(file.text_a);
  if (file.text_b) columns.push_back(*file.text_b);
  std::vector<std::string> names;
  for (const Column& column : columns) {
    if (column.number) return std::nullopt;
    names.push_back(column.name);
  }
  return names;
}

std::optional<FileFormat> format_of_line(std::string_view line, const std::string& where,
                                         const std::vector<std::vector<std::string>>& columns) {
  if (object_of(line)) return FileFormat::kJsonl;
  const std::string_view trimmed = trim(line);
  if (trimmed == "{" || trimmed == "[" || trimmed == "[{") {
    fail_usage(where, ": this seems to be JSON over several lines; want an object a line (JSONL), ",
               "or --input_format lines if it is text");
  }
  // A line of one column is TSV: there commas are text.
  for (const FileFormat format : {FileFormat::kTsv, FileFormat::kCsv}) {
    const std::vector<std::string> names = column_names(line, format);
    for (const std::vector<std::string>& wanted : columns) {
      if (!wanted.empty() && holds_all(names, wanted)) return format;
    }
  }
  return std::nullopt;
}

}  // namespace pals

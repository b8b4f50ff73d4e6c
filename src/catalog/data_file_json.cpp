#include "catalog/data_file_json.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "base/text_util.h"
#include "kinds/kind.h"
#include "tasks/json_values.h"
#include "tasks/text_rows.h"

namespace pals {
namespace {

constexpr int64_t kLargestColumn = 100000;

std::optional<Column> column_of(const Json& value, std::string_view key, const std::string& where) {
  if (value.is_null()) return std::nullopt;
  if (value.is_number()) {
    return Column{static_cast<int>(integer_of(value, key, -kLargestColumn, kLargestColumn, where)),
                  ""};
  }
  if (!value.is_string()) {
    fail_type(where, key, value, "a column's number (from 0; -1 is the last) or name");
  }
  const auto& name = value.get_ref<const std::string&>();
  if (name.empty()) fail_usage(where, ": ", quote(key), " is an empty name");
  return Column{std::nullopt, name};
}

/// One column, or a list of them.
std::vector<Column> columns_of(const Json& value, const std::string& key,
                               const std::string& where) {
  std::vector<Column> columns;
  for (const Json& item : value.is_array() ? value : Json::array({value})) {
    const std::optional<Column> column = column_of(item, key, where);
    if (!column) fail_type(where, key, item, "columns, or for JSONL the key of a list");
    columns.push_back(*column);
  }
  if (columns.empty() || columns.size() > kMostChoices) {
    fail_usage(where, ": ", quote(key), " has ", counted(std::ssize(columns), "column"),
               ", want 1 to ", kMostChoices);
  }
  return columns;
}

/// The names of the formats that a kind's files may have.
std::vector<std::string> format_names(TaskKind kind) {
  std::vector<std::string> names;
  for (const FileFormat format : kind_of(kind).file_layout().formats) {
    names.emplace_back(format_name(format));
  }
  return names;
}

FileFormat format_of(const std::string& name, TaskKind kind, const std::string& where) {
  for (const FileFormat format : kind_of(kind).file_layout().formats) {
    if (name == format_name(format)) return format;
  }
  fail_usage(where, ": unknown format ", quote(name), did_you_mean(name, format_names(kind)),
             " (formats: ", quote_list(format_names(kind)), ")");
}

FileFormat format_from_path(const std::string& path, TaskKind kind, const std::string& where) {
  const std::optional<FileFormat> named = format_of_name(path);
  for (const FileFormat format : kind_of(kind).file_layout().formats) {
    if (format == named) return format;
  }
  fail_usage(where, ": the name ", quote(path),
             " does not tell the format; add \"format\": one of ", quote_list(format_names(kind)));
}

std::vector<std::string> unlabelled_of(const Json& value, const std::string& where) {
  if (!value.is_array()) fail_type(where, "unlabelled", value, "a list such as [\"-\", \"\"]");
  std::vector<std::string> labels;
  for (const Json& item : value) {
    if (item.is_number() || item.is_boolean()) {
      labels.push_back(item.dump());
    } else {
      labels.emplace_back(item.is_null() ? "" : trim(string_of(item, "unlabelled", where)));
    }
  }
  return labels;
}

/// All columns that a file names.
std::vector<Column> all_columns(const DataFile& file) {
  std::vector<Column> columns = {file.text_a};
  if (file.text_b) columns.push_back(*file.text_b);
  if (file.label) columns.push_back(*file.label);
  columns.insert(columns.end(), file.choices.begin(), file.choices.end());
  columns.insert(columns.end(), file.label_columns.begin(), file.label_columns.end());
  return columns;
}

/// Whether files of the format may begin with the names of their columns.
bool has_header(FileFormat format) {
  return format == FileFormat::kTsv || format == FileFormat::kCsv;
}

void check_file(const DataFile& file, std::optional<bool> header, const std::string& where) {
  const std::vector<Column> columns = all_columns(file);
  const auto by_number = [](const Column& column) { return column.number.has_value(); };
  if (file.format == FileFormat::kJsonl) {
    if (std::any_of(columns.begin(), columns.end(), by_number)) {
      fail_usage(where, ": a JSONL file has keys, not column numbers; give the columns by name");
    }
    if (file.required_columns) {
      fail_usage(where, ": \"required_columns\" makes no sense for a JSONL file");
    }
  } else if (!has_header(file.format)) {
    if (header || !std::all_of(columns.begin(), columns.end(), by_number)) {
      fail_usage(where, ": a file of the format ", format_name(file.format),
                 " has no header; give its columns by number");
    }
  } else if (header == false && !std::all_of(columns.begin(), columns.end(), by_number)) {
    fail_usage(where, ": columns are given by name, but \"header\" is false; give their numbers");
  }
  for (auto column = columns.begin(); column != columns.end(); ++column) {
    if (std::find(column + 1, columns.end(), *column) != columns.end()) {
      fail_usage(where, ": the texts and the label must be different columns");
    }
  }
}

/// The columns of a file: its own, or else the task's.
void set_columns(DataFile& file, TaskKind kind, const FileSettings& own, const FileSettings& task,
                 const std::string& where) {
  // Test files lack labels, so they have other columns: only what they say themselves counts.
  const bool is_test = file.split.starts_with("test");
  const std::optional<DataFile> usual = kind_of(kind).usual_file(file.format);
  std::optional<Column> text_a = own.text_a ? own.text_a : task.text_a;
  if (!text_a && usual) text_a = usual->text_a;
  if (!text_a) {
    fail_usage(where, ": no ", quote(kind_of(kind).file_layout().text_a),
               "; say in which column (number or name) the text stands");
  }
  file.text_a = *text_a;
  if (!own.no_text_b) file.text_b = own.text_b ? own.text_b : task.text_b;
  if (own.label || is_test || own.no_label) {
    file.label = own.label;
  } else {
    file.label = task.label;
    if (!file.label && usual) file.label = usual->label;
  }
  if (own.label_columns || (!is_test && !own.label && !own.no_label)) {
    file.label_columns =
        own.label_columns ? *own.label_columns : task.label_columns.value_or(std::vector<Column>());
  }
  if (file.label && !file.label_columns.empty()) {
    fail_usage(where, ": \"label\" and \"label_columns\" are two ways to say the same; give one");
  }
  if (!file.label && file.label_columns.empty() && !is_test) {
    fail_usage(where, ": no \"label\"; say in which column (number or name) the label stands");
  }
  if (kind_of(kind).file_layout().choices != nullptr) {
    file.choices = own.choices.empty() ? task.choices : own.choices;
    const size_t least = file.format == FileFormat::kJsonl ? 1 : 2;
    if (file.choices.size() < least) {
      fail_usage(where, ": no \"choices\"; say in which columns they stand, or in a JSONL file in ",
                 "which list");
    }
  }
  file.required_columns = own.required_columns;
  if (!file.required_columns && !is_test) file.required_columns = task.required_columns;
  if (file.label && own.unlabelled) {
    file.unlabelled = *own.unlabelled;
  } else if (file.label && task.unlabelled) {
    file.unlabelled = *task.unlabelled;
  }
  const std::optional<bool> header = own.header ? own.header : task.header;
  check_file(file, header, where);
  const std::vector<Column> columns = all_columns(file);
  const bool named = std::any_of(columns.begin(), columns.end(),
                                 [](const Column& column) { return !column.number; });
  file.header = has_header(file.format) && header.value_or(named);
  file.header_known = has_header(file.format) && (header || named);
}

/// Whether a layout has a key, and it is this one.
bool is_key(const std::string& key, const char* of_layout) {
  return of_layout != nullptr && key == of_layout;
}

Json column_to_json(const Column& column) {
  return column.number ? Json(*column.number) : Json(column.name);
}

}  // namespace

std::vector<std::string> file_keys(TaskKind kind) {
  const FileLayout layout = kind_of(kind).file_layout();
  if (layout.format) return {};
  std::vector<std::string> keys = {"format", layout.text_a};
  if (std::ranges::any_of(layout.formats, has_header)) {
    keys.insert(keys.end(), {"header", "required_columns"});
  }
  for (const char* key : {layout.text_b, layout.tokens, layout.tags}) {
    if (key != nullptr) keys.emplace_back(key);
  }
  if (layout.choices != nullptr) keys.emplace_back(layout.choices);
  if (layout.label_columns != nullptr) keys.emplace_back(layout.label_columns);
  keys.insert(keys.end(), {"label", "unlabelled"});
  return keys;
}

void set_file_key(FileSettings& settings, const std::string& key, const Json& value, TaskKind kind,
                  const std::string& where) {
  const FileLayout layout = kind_of(kind).file_layout();
  if (key == "format") {
    settings.format = format_of(string_of(value, key, where), kind, where);
  } else if (key == "header") {
    settings.header = bool_of(value, key, where);
  } else if (key == layout.text_a || is_key(key, layout.tokens)) {
    settings.text_a = column_of(value, key, where);
  } else if (is_key(key, layout.text_b)) {
    settings.text_b = column_of(value, key, where);
    settings.no_text_b = value.is_null();
  } else if (is_key(key, layout.choices)) {
    settings.choices = columns_of(value, key, where);
  } else if (is_key(key, layout.label_columns)) {
    settings.label_columns = columns_of(value, key, where);
  } else if (key == "unlabelled") {
    settings.unlabelled = unlabelled_of(value, where);
  } else if (key == "label" || is_key(key, layout.tags)) {
    settings.label = column_of(value, key, where);
    settings.no_label = value.is_null();
  } else {
    settings.required_columns = static_cast<int>(integer_of(value, key, 1, kLargestColumn, where));
  }
}

bool is_split(std::string_view key) {
  const std::string_view kind = key.substr(0, key.find('_'));
  if (kind != "train" && kind != "dev" && kind != "test") return false;
  return std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

DataFile data_file_from_json(const std::string& split, const Json& value, TaskKind kind,
                             const FileSettings& task_settings, const std::string& where) {
  DataFile file{.split = split};
  FileSettings own;
  if (value.is_string()) {
    file.path = value.get<std::string>();
  } else if (value.is_object()) {
    const std::vector<std::string> keys = file_keys(kind);
    for (const auto& [key, setting] : value.items()) {
      if (key == "path") {
        file.path = string_of(setting, key, where);
      } else if (std::find(keys.begin(), keys.end(), key) != keys.end()) {
        set_file_key(own, key, setting, kind, where);
      } else {
        std::vector<std::string> valid = keys;
        valid.insert(valid.begin(), "path");
        fail_unknown_key(key, valid, where);
      }
    }
  } else {
    fail_usage(where, ": got ", value.type_name(), ", want a path or {\"path\": ..., ...}");
  }
  if (file.path.empty() || file.path.find('\0') != std::string::npos) {
    fail_usage(where, ": no path; want \"path\": \"FILE\"");
  }
  if (const std::optional<FileFormat> format = kind_of(kind).file_layout().format) {
    file.format = *format;
    return file;
  }
  file.format = own.format             ? *own.format
                : task_settings.format ? *task_settings.format
                                       : format_from_path(file.path, kind, where);
  set_columns(file, kind, own, task_settings, where);
  return file;
}

Json data_file_to_json(const DataFile& file, TaskKind kind) {
  const FileLayout layout = kind_of(kind).file_layout();
  Json json = {{"path", file.path}};
  if (layout.format) return json;
  json["format"] = format_name(file.format);
  json[layout.text_a] = column_to_json(file.text_a);
  if (has_header(file.format)) json["header"] = file.header;
  if (file.text_b) json[layout.text_b] = column_to_json(*file.text_b);
  for (const Column& column : file.choices) json[layout.choices].push_back(column_to_json(column));
  for (const Column& column : file.label_columns) {
    json[layout.label_columns].push_back(column_to_json(column));
  }
  if (file.label) json["label"] = column_to_json(*file.label);
  if (!file.unlabelled.empty()) json["unlabelled"] = file.unlabelled;
  if (file.required_columns) json["required_columns"] = *file.required_columns;
  return json;
}

}  // namespace pals

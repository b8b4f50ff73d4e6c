#include "tasks/task_json.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include "base/error.h"
#include "base/text_util.h"
#include "tasks/text_rows.h"

namespace pals {
namespace {

constexpr int64_t kLargestColumn = 100000;
constexpr size_t kMostLabels = 10000;

/// The keys that a task gives for all its files, or a file for itself.
const std::vector<std::string>& file_keys() {
  static const std::vector<std::string> keys = {"format", "header", "text_a",
                                                "text_b", "label",  "required_columns"};
  return keys;
}

/// The keys of a task alone.
const std::vector<std::string>& task_keys() {
  static const std::vector<std::string> keys = {"name", "kind", "labels", "metrics", "label_scale"};
  return keys;
}

bool is_one_of(const std::string& key, const std::vector<std::string>& keys) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

/// "train", "dev", "test", and "dev_matched" and the like.
bool is_split(std::string_view key) {
  const std::string_view kind = key.substr(0, key.find('_'));
  if (kind != "train" && kind != "dev" && kind != "test") return false;
  return std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

[[noreturn]] void fail_unknown_key(const std::string& key, const std::vector<std::string>& valid,
                                   const std::string& where) {
  fail_usage(where, ": unknown key ", quote(key), did_you_mean(key, valid),
             " (keys: ", quote_list(valid), ")");
}

[[noreturn]] void fail_type(const std::string& where, std::string_view key, const Json& value,
                            std::string_view wanted) {
  fail_usage(where, ": ", quote(key), " is ", value.type_name(), ", want ", wanted);
}

const std::string& string_of(const Json& value, std::string_view key, const std::string& where) {
  if (!value.is_string()) fail_type(where, key, value, "a string");
  return value.get_ref<const std::string&>();
}

int64_t integer_of(const Json& value, std::string_view key, int64_t lowest, int64_t highest,
                   const std::string& where) {
  if (!value.is_number_integer()) fail_type(where, key, value, "a whole number");
  // Unsigned values past int64 wrap to negative ones in nlohmann's get.
  const bool fits =
      !value.is_number_unsigned() || value.get<uint64_t>() <= static_cast<uint64_t>(highest);
  const int64_t number = fits ? value.get<int64_t>() : highest;
  if (!fits || number < lowest) {
    fail_usage(where, ": ", quote(key), " is ", value.dump(), ", want a number from ", lowest,
               " to ", highest);
  }
  return number;
}

/// What a task says for all its files, or a file for itself.
struct FileSettings {
  std::optional<FileFormat> format;
  std::optional<bool> header;
  std::optional<int> required_columns;
  std::optional<Column> text_a, text_b, label;
  bool no_text_b = false, no_label = false;  ///< null: not even the task's
};

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

FileFormat format_of(const std::string& name, const std::string& where) {
  const std::vector<std::string> names = {"tsv", "csv", "jsonl"};
  for (const FileFormat format : {FileFormat::kTsv, FileFormat::kCsv, FileFormat::kJsonl}) {
    if (name == format_name(format)) return format;
  }
  fail_usage(where, ": unknown format ", quote(name), did_you_mean(name, names),
             " (formats: ", quote_list(names), ")");
}

/// Takes one of file_keys() into `settings`.
void set_file_key(FileSettings& settings, const std::string& key, const Json& value,
                  const std::string& where) {
  if (key == "format") {
    settings.format = format_of(string_of(value, key, where), where);
  } else if (key == "header") {
    if (!value.is_boolean()) fail_type(where, key, value, "true or false");
    settings.header = value.get<bool>();
  } else if (key == "text_a") {
    settings.text_a = column_of(value, key, where);
  } else if (key == "text_b") {
    settings.text_b = column_of(value, key, where);
    settings.no_text_b = value.is_null();
  } else if (key == "label") {
    settings.label = column_of(value, key, where);
    settings.no_label = value.is_null();
  } else {
    settings.required_columns = static_cast<int>(integer_of(value, key, 1, kLargestColumn, where));
  }
}

FileFormat format_from_path(const std::string& path, const std::string& where) {
  const std::string name = ascii_lower(path);
  if (name.ends_with(".tsv")) return FileFormat::kTsv;
  if (name.ends_with(".csv")) return FileFormat::kCsv;
  if (name.ends_with(".jsonl") || name.ends_with(".ndjson")) return FileFormat::kJsonl;
  fail_usage(where, ": the name ", quote(path),
             " does not tell the format; add \"format\": \"tsv\", \"csv\" or \"jsonl\"");
}

bool by_name(const std::optional<Column>& column) { return column && !column->number; }
bool by_number(const std::optional<Column>& column) { return column && column->number; }

void check_file(const DataFile& file, std::optional<bool> header, const std::string& where) {
  if (file.format == FileFormat::kJsonl) {
    if (by_number(file.text_a) || by_number(file.text_b) || by_number(file.label)) {
      fail_usage(where, ": a JSONL file has keys, not column numbers; give the columns by name");
    }
    if (file.required_columns) {
      fail_usage(where, ": \"required_columns\" makes no sense for a JSONL file");
    }
  } else if (header == false &&
             (by_name(file.text_a) || by_name(file.text_b) || by_name(file.label))) {
    fail_usage(where, ": columns are given by name, but \"header\" is false; give their numbers");
  }
  if (file.text_b == file.text_a || file.label == file.text_a ||
      (file.label && file.label == file.text_b)) {
    fail_usage(where, ": the texts and the label must be different columns");
  }
}

/// One file of a task: a path, or an object with a path and what is particular to this file.
DataFile file_of(const std::string& split, const Json& value, const FileSettings& task_settings,
                 const std::string& where) {
  DataFile file{.split = split};
  FileSettings own;
  if (value.is_string()) {
    file.path = value.get<std::string>();
  } else if (value.is_object()) {
    for (const auto& [key, setting] : value.items()) {
      if (key == "path") {
        file.path = string_of(setting, key, where);
      } else if (is_one_of(key, file_keys())) {
        set_file_key(own, key, setting, where);
      } else {
        std::vector<std::string> valid = file_keys();
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
  // Test files lack labels, so they have other columns: only what they say themselves counts.
  const bool is_test = split.starts_with("test");
  file.format = own.format             ? *own.format
                : task_settings.format ? *task_settings.format
                                       : format_from_path(file.path, where);
  const std::optional<Column> text_a = own.text_a ? own.text_a : task_settings.text_a;
  if (!text_a) {
    fail_usage(where, ": no \"text_a\"; say in which column (number or name) the text stands");
  }
  file.text_a = *text_a;
  if (!own.no_text_b) file.text_b = own.text_b ? own.text_b : task_settings.text_b;
  if (own.label || is_test || own.no_label) {
    file.label = own.label;
  } else {
    file.label = task_settings.label;
  }
  if (!file.label && !is_test) {
    fail_usage(where, ": no \"label\"; say in which column (number or name) the label stands");
  }
  file.required_columns = own.required_columns;
  if (!file.required_columns && !is_test) file.required_columns = task_settings.required_columns;
  const std::optional<bool> header = own.header ? own.header : task_settings.header;
  check_file(file, header, where);
  const bool named = by_name(file.text_a) || by_name(file.text_b) || by_name(file.label);
  file.header = file.format != FileFormat::kJsonl && header.value_or(named);
  return file;
}

std::string label_of(const Json& value, const std::string& where) {
  if (value.is_number_integer() || value.is_boolean()) return value.dump();
  const std::string& label = string_of(value, "labels", where);
  if (label.empty() || trim(label) != label) {
    fail_usage(where, ": label ", quote(label),
               " is empty or has white space around it; labels are compared without it");
  }
  return label;
}

std::vector<std::string> labels_of(const Json& value, const std::string& where) {
  if (!value.is_array()) fail_type(where, "labels", value, "a list of labels");
  if (value.size() > kMostLabels) {
    fail_usage(where, ": ", value.size(), " labels, at most ", kMostLabels, " are possible");
  }
  std::vector<std::string> labels;
  std::set<std::string> seen;
  for (const Json& item : value) {
    labels.push_back(label_of(item, where));
    if (!seen.insert(labels.back()).second) {
      fail_usage(where, ": label ", quote(labels.back()), " is listed twice");
    }
  }
  if (labels.size() < 2) {
    fail_usage(where, ": ", labels.size(), " labels, want at least 2, or no \"labels\" at all ",
               "to take them from the training file");
  }
  return labels;
}

std::vector<Metric> metrics_of(const Json& value, const std::string& where) {
  if (!value.is_array()) fail_type(where, "metrics", value, "a list such as [\"accuracy\"]");
  std::vector<Metric> metrics;
  for (const Json& item : value) {
    const std::string& name = string_of(item, "metrics", where);
    const std::optional<Metric> metric = metric_from_name(name);
    if (!metric) {
      fail_usage(where, ": unknown metric ", quote(name), did_you_mean(name, metric_names()),
                 " (metrics: ", quote_list(metric_names()), ")");
    }
    if (std::find(metrics.begin(), metrics.end(), *metric) != metrics.end()) {
      fail_usage(where, ": metric ", quote(name), " is listed twice");
    }
    metrics.push_back(*metric);
  }
  if (metrics.empty()) fail_usage(where, ": no metrics; leave the key out for the usual ones");
  return metrics;
}

TaskKind kind_of(const std::string& name, const std::string& where) {
  const std::vector<std::string> names = {"classification", "regression"};
  if (name == names[0]) return TaskKind::kClassification;
  if (name == names[1]) return TaskKind::kRegression;
  fail_usage(where, ": unknown kind ", quote(name), did_you_mean(name, names),
             " (kinds: ", quote_list(names), ")");
}

void check_name(const std::string& name, const std::string& where) {
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
  if (!plain || name.empty() || name.size() > 64) {
    fail_usage(where, ": task name ", quote(name),
               ", want 1 to 64 letters, digits, underscores and hyphens");
  }
}

const Json& required(const Json& object, const char* key, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end()) fail_usage(where, ": the key ", quote(key), " is missing");
  return *found;
}

double scale_of(const Json& value, const std::string& where) {
  const double scale = value.is_number() ? value.get<double>() : 0.0;
  if (!std::isfinite(scale) || scale < 1e-6 || scale > 1e6) {
    fail_usage(where, ": \"label_scale\" is ", quote(json_text(value, -1)),
               ", want a number from 0.000001 to 1000000; values are divided by it");
  }
  return scale;
}

/// The splits of a task object: train first, then dev and test files by name.
std::vector<std::string> splits_of(const Json& object) {
  std::vector<std::string> splits;
  for (const std::string_view kind : {"train", "dev", "test"}) {
    for (const auto& [key, value] : object.items()) {
      if (is_split(key) && key.starts_with(kind)) splits.push_back(key);
    }
  }
  return splits;
}

Json column_to_json(const Column& column) {
  return column.number ? Json(*column.number) : Json(column.name);
}

}  // namespace

Task parse_task(const Json& object, const std::string& where) {
  if (!object.is_object()) {
    fail_usage(where, ": a task is ", object.type_name(), ", want an object {\"name\": ...}");
  }
  Task task;
  task.name = string_of(required(object, "name", where), "name", where);
  check_name(task.name, where);
  const std::string here = concat(where, ": task ", quote(task.name, 64));
  FileSettings settings;
  for (const auto& [key, value] : object.items()) {
    if (is_one_of(key, file_keys())) {
      set_file_key(settings, key, value, here);
    } else if (!is_split(key) && !is_one_of(key, task_keys())) {
      std::vector<std::string> valid = {"train", "dev", "test"};
      valid.insert(valid.begin(), file_keys().begin(), file_keys().end());
      valid.insert(valid.begin(), task_keys().begin(), task_keys().end());
      fail_unknown_key(key, valid, here);
    }
  }
  task.kind = kind_of(string_of(required(object, "kind", here), "kind", here), here);
  const bool regression = task.kind == TaskKind::kRegression;
  if (object.contains("labels")) {
    if (regression) fail_usage(here, ": a regression has values, not labels; remove \"labels\"");
    task.labels = labels_of(object["labels"], here);
  }
  if (object.contains("label_scale")) {
    if (!regression) fail_usage(here, ": \"label_scale\" is for regressions only");
    task.label_scale = scale_of(object["label_scale"], here);
  }
  if (object.contains("metrics")) {
    task.metrics = metrics_of(object["metrics"], here);
  } else if (regression) {
    task.metrics = {Metric::kPearson, Metric::kSpearman};
  } else {
    task.metrics = {Metric::kAccuracy};
  }
  for (const std::string& split : splits_of(object)) {
    task.files.push_back(
        file_of(split, object[split], settings, concat(here, ", file ", quote(split))));
  }
  return task;
}

void check_task(const Task& task, const std::string& where) {
  const std::string here = concat(where, ": task ", quote(task.name, 64));
  const bool regression = task.kind == TaskKind::kRegression;
  if (!regression && task.labels.size() < 2) {
    fail_usage(here, ": ", task.labels.size(), " labels, want at least 2");
  }
  for (const Metric metric : task.metrics) {
    const bool of_values = metric == Metric::kPearson || metric == Metric::kSpearman;
    if (of_values != regression) {
      fail_usage(here, ": metric ", quote(metric_name(metric)), " is for ",
                 kind_name(of_values ? TaskKind::kRegression : TaskKind::kClassification),
                 ", but the task's kind is ", kind_name(task.kind));
    }
    if (metric == Metric::kF1 && task.labels.size() != 2) {
      fail_usage(here, ": metric \"f1\" needs exactly 2 labels (the second is the positive one), ",
                 "the task has ", task.labels.size());
    }
  }
}

Task task_from_json(const Json& object, const std::string& where) {
  Task task = parse_task(object, where);
  check_task(task, where);
  return task;
}

Json task_to_json(const Task& task) {
  Json json = {{"name", task.name}, {"kind", kind_name(task.kind)}, {"metrics", Json::array()}};
  for (const Metric metric : task.metrics) json["metrics"].push_back(metric_name(metric));
  if (task.kind == TaskKind::kRegression) {
    json["label_scale"] = task.label_scale;
  } else {
    json["labels"] = task.labels;
  }
  for (const DataFile& file : task.files) {
    Json& entry = json[file.split];
    entry = {{"path", file.path},
             {"format", format_name(file.format)},
             {"text_a", column_to_json(file.text_a)}};
    if (file.format != FileFormat::kJsonl) entry["header"] = file.header;
    if (file.text_b) entry["text_b"] = column_to_json(*file.text_b);
    if (file.label) entry["label"] = column_to_json(*file.label);
    if (file.required_columns) entry["required_columns"] = *file.required_columns;
  }
  return json;
}

}  // namespace pals

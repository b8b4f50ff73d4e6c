#include "tasks/task.h"

#include "base/text_util.h"

namespace pals {
namespace {

/// The value of an enumeration whose names are in the order of its values.
template <typename Enum>
std::optional<Enum> value_named(std::string_view name, const std::vector<std::string>& names) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

}  // namespace

const std::vector<std::string>& metric_names() {
  static const std::vector<std::string> names = {
      "accuracy", "f1",       "matthews",        "pearson", "spearman",  "exact_match",
      "micro_f1", "macro_f1", "subset_accuracy", "map",     "precision", "recall",
      "mae",      "rmse"};
  return names;
}

const char* metric_name(Metric metric) {
  return metric_names()[static_cast<size_t>(metric)].c_str();
}

std::optional<Metric> metric_from_name(std::string_view name) {
  return value_named<Metric>(name, metric_names());
}

const std::vector<std::string>& kind_names() {
  static const std::vector<std::string> names = all_names<TaskKind>();
  return names;
}

const char* kind_name(TaskKind kind) { return name_of(kind); }

std::optional<TaskKind> kind_from_name(std::string_view name) { return from_name<TaskKind>(name); }

const char* format_name(FileFormat format) {
  switch (format) {
    case FileFormat::kCsv:
      return "csv";
    case FileFormat::kJsonl:
      return "jsonl";
    case FileFormat::kSquad:
      return "squad";
    case FileFormat::kConll:
      return "conll";
    case FileFormat::kConllu:
      return "conllu";
    case FileFormat::kTsv:
      break;
  }
  return "tsv";
}

std::string unpacked_name(std::string_view path) {
  std::string name = ascii_lower(path);
  for (const std::string_view ending : {".gz", ".zst"}) {
    if (!name.ends_with(ending)) continue;
    name.erase(name.size() - ending.size());
    break;
  }
  return name;
}

std::optional<FileFormat> format_of_name(std::string_view path) {
  const std::string name = unpacked_name(path);
  if (name.ends_with(".tsv")) return FileFormat::kTsv;
  if (name.ends_with(".csv")) return FileFormat::kCsv;
  if (name.ends_with(".jsonl") || name.ends_with(".ndjson")) return FileFormat::kJsonl;
  if (name.ends_with(".conll")) return FileFormat::kConll;
  if (name.ends_with(".conllu")) return FileFormat::kConllu;
  return std::nullopt;
}

std::vector<const DataFile*> files_of(const Task& task, std::string_view kind) {
  std::vector<const DataFile*> found;
  for (const DataFile& file : task.files) {
    const std::string_view split = file.split;
    if (split.starts_with(kind) && (split.size() == kind.size() || split[kind.size()] == '_')) {
      found.push_back(&file);
    }
  }
  return found;
}

const DataFile* find_file(const Task& task, std::string_view split) {
  for (const DataFile& file : task.files) {
    if (file.split == split) return &file;
  }
  return nullptr;
}

}  // namespace pals

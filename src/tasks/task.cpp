#include "tasks/task.h"

namespace pals {

const std::vector<std::string>& metric_names() {
  static const std::vector<std::string> names = {"accuracy", "f1", "matthews", "pearson",
                                                 "spearman"};
  return names;
}

const char* metric_name(Metric metric) {
  return metric_names()[static_cast<size_t>(metric)].c_str();
}

std::optional<Metric> metric_from_name(std::string_view name) {
  for (size_t i = 0; i < metric_names().size(); ++i) {
    if (metric_names()[i] == name) return static_cast<Metric>(i);
  }
  return std::nullopt;
}

const char* kind_name(TaskKind kind) {
  return kind == TaskKind::kRegression ? "regression" : "classification";
}

const char* format_name(FileFormat format) {
  switch (format) {
    case FileFormat::kCsv:
      return "csv";
    case FileFormat::kJsonl:
      return "jsonl";
    case FileFormat::kTsv:
      break;
  }
  return "tsv";
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

// The files of a task as JSON: paths, formats and columns.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "tasks/task.h"

namespace pals {

/// What a task says for all its files, or a file for itself.
struct FileSettings {
  std::optional<FileFormat> format;
  std::optional<bool> header;
  std::optional<int> required_columns;
  std::optional<Column> text_a, text_b, label;
  std::vector<Column> choices;
  std::optional<std::vector<std::string>> unlabelled;
  std::optional<std::vector<Column>> label_columns;
  bool no_text_b = false, no_label = false;  ///< null: not even the task's
};

/// The keys of FileSettings in tasks of that kind.
std::vector<std::string> file_keys(TaskKind kind);

/// Takes one of file_keys(kind) into `settings`. UsageError for a wrong value.
void set_file_key(FileSettings& settings, const std::string& key, const Json& value, TaskKind kind,
                  const std::string& where);

/// "train", "dev", "test", and "dev_matched" and the like.
bool is_split(std::string_view key);

/// One file of a task of that kind: a path, or an object with a path and what is particular to this
/// file. UsageError for wrong, missing and contradictory keys.
DataFile data_file_from_json(const std::string& split, const Json& value, TaskKind kind,
                             const FileSettings& task_settings, const std::string& where);

/// The layout that data_file_from_json reads, with everything spelled out.
Json data_file_to_json(const DataFile& file, TaskKind kind);

}  // namespace pals

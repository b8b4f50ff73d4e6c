// A user's own tasks, described in a JSON file (docs/tasks.md).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "tasks/task.h"

namespace pals {

/// A task file may have so many tasks, and so many bytes.
inline constexpr size_t kMostTasks = 1000;
inline constexpr uint64_t kMostTaskFileBytes = uint64_t{64} << 20;

/// The document of a task file, of whose content `text` is. Throws Error for what is no JSON, of a
/// data file with what makes a task file of it.
Json parse_task_document(std::string_view text, const std::string& where);

/// Whether tasks are read for their data, or for what they say of a model's heads alone.
enum class DataFiles { kNeeded, kIdle };

/// The tasks of a document {"tasks": [...]}; paths are taken relative to `folder` and made
/// absolute. Opens no data files: a classification without "labels" has none yet. Throws UsageError
/// as parse_task does, for names that are taken twice, by a GLUE task or by a value of --tasks, for
/// losses by which nothing would be learned, and for a task without the data files that are needed.
std::vector<Task> parse_task_file(const Json& document, const std::string& where,
                                  const std::string& folder,
                                  DataFiles data_files = DataFiles::kNeeded);

/// The tasks of a task file, complete. Labels that it does not list are collected from the training
/// file and shown. Throws UsageError as parse_task_file does, Error for files that cannot be read.
std::vector<Task> read_task_file(const std::string& path,
                                 DataFiles data_files = DataFiles::kNeeded);

}  // namespace pals

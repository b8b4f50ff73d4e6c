// A user's own tasks, described in a JSON file (docs/tasks.md).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/json.h"
#include "tasks/task.h"

namespace pals {

/// A task file may have so many tasks.
inline constexpr size_t kMostTasks = 1000;

/// The tasks of a document {"tasks": [...]}; paths are taken relative to `folder` and made
/// absolute. Opens no data files: a classification without "labels" has none yet. Throws UsageError
/// as parse_task does, and for names that are taken twice, by a GLUE task or by a value of --tasks.
std::vector<Task> parse_task_file(const Json& document, const std::string& where,
                                  const std::string& folder);

/// The tasks of a task file, complete. Labels that it does not list are collected from the training
/// file and shown. Throws UsageError as parse_task_file does, Error for files that cannot be read.
std::vector<Task> read_task_file(const std::string& path);

}  // namespace pals

// The tasks of a task file as far as they are sound, and what is wrong with the others.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "check/problems.h"
#include "tasks/task.h"

namespace pals {

/// A task of a task file, and where it stands there.
struct PlacedTask {
  Task task;
  int64_t line = 0;  ///< of the task file
};

/// Parses each task for itself, as parse_task_file does; keys that are wrong are told and then left
/// out. `text` is the document's.
std::vector<PlacedTask> parse_tasks(const Json& document, std::string_view text,
                                    const std::string& path, ProblemList& problems);

}  // namespace pals

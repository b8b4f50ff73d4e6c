// Tasks as JSON: the layout of a user's task file and of a saved model's tasks.json.
#pragma once

#include <string>

#include "base/json.h"
#include "tasks/task.h"

namespace pals {

/// Reads one task as docs/tasks.md describes it. Labels may be left out: then `labels` is empty.
/// Checks everything that needs no other file; file paths stay as they are. `where` stands in front
/// of errors. Throws UsageError: unknown keys (with the nearest valid one), missing or wrong
/// values.
Task parse_task(const Json& object, const std::string& where);

/// Throws UsageError unless the task is complete: labels where its kind has them, metrics that fit.
void check_task(const Task& task, const std::string& where);

/// A complete task: parse_task and check_task.
Task task_from_json(const Json& object, const std::string& where);

/// The layout that task_from_json reads, with everything spelled out for each file.
Json task_to_json(const Task& task);

/// The same without what makes no difference to a model: where files lie, and test files.
Json task_identity(const Task& task);

}  // namespace pals

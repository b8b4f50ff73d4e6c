// Several tasks of a model by their names.
#pragma once

#include <string>
#include <vector>

#include "tasks/task.h"

namespace pals {

/// The indices of "a,b" in that order, or of all tasks for "all". UsageError as find_task() and for
/// a task named twice.
std::vector<int> find_tasks(const std::vector<Task>& tasks, const std::string& names,
                            const std::string& flag);

/// The same; UsageError for tasks that are neither classification nor regression.
std::vector<int> find_text_tasks(const std::vector<Task>& tasks, const std::string& names,
                                 const std::string& flag);

}  // namespace pals

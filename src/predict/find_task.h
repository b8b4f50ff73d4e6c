// The tasks of a model by their names.
#pragma once

#include <string>
#include <vector>

#include "tasks/task.h"

namespace pals {

/// The index of a task. An empty name means the only one. UsageError for an unknown name and where
/// a name is needed; `flag` stands in front.
int find_task(const std::vector<Task>& tasks, const std::string& name, const std::string& flag);

/// The indices of "a,b" in that order, or of all tasks for "all". UsageError as find_task and for a
/// task named twice.
std::vector<int> find_tasks(const std::vector<Task>& tasks, const std::string& names,
                            const std::string& flag);

/// The same; UsageError for tasks that are neither classification nor regression.
std::vector<int> find_text_tasks(const std::vector<Task>& tasks, const std::string& names,
                                 const std::string& flag);

}  // namespace pals

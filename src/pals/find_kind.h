// The task that a header's job is done by.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tasks/task.h"

namespace pals {

/// The index of a task of that kind; an empty name means the only task. UsageError as find_task,
/// and for other kinds.
size_t find_task_of_kind(const std::vector<Task>& tasks, const std::string& name, TaskKind kind);

}  // namespace pals

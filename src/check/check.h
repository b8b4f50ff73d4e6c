// All that is wrong with a task file and its data.
#pragma once

#include <functional>
#include <string>

#include "check/lengths.h"
#include "check/problems.h"
#include "tasks/task.h"

namespace pals {

struct CheckOptions {
  LengthRules lengths;
  /// Throws Error for an adapter that a task cannot have (Task::adapter); may be left out.
  std::function<void(const Task&)> check_adapter;
};

/// Reads a task file and all files of its tasks by the functions that training uses, and collects
/// what is wrong with them. Throws Error only for a task file that cannot be read, or is no JSON.
ProblemList check_task_file(const std::string& path, const CheckOptions& options);

}  // namespace pals

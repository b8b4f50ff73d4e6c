// Tasks by their names: those that a run has, by the --tasks and --task_id flags over GLUE and a
// user's own tasks, and those of a model.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tasks/task.h"

namespace pals {

/// The names of tasks, in their order.
std::vector<std::string> task_names(const std::vector<Task>& tasks);

/// The index of a model's task. An empty name means the only one. UsageError for an unknown name
/// and where a name is needed; `flag` stands in front.
int find_task(const std::vector<Task>& tasks, const std::string& name, const std::string& flag);

/// The tasks that `tasks_flag` names, in the order the model numbers them:
/// - "" (not given): the own tasks if there are any, else as "all";
/// - "all": GLUE's eight in the reference's order, then the own tasks;
/// - "inf": qnli, mnli, rte;
/// - "single": the one with number `task_id` (0 to 7; 1 if not given, as in the reference);
/// - names separated by commas, GLUE's (also sst2, sst-2, stsb, sts-b; case ignored) and own ones.
/// Throws UsageError for unknown or repeated names (with the nearest valid one) and bad numbers.
std::vector<Task> select_tasks(const std::string& tasks_flag, std::optional<int> task_id,
                               const std::vector<Task>& own_tasks);

}  // namespace pals

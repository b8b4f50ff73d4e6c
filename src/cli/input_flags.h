// Opens the texts that flags name, for the commands that work on texts.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "predict/text_input.h"
#include "settings/use_options.h"

namespace pals {

/// An input, and the tasks (by their numbers) that are asked about it.
struct TaskInput {
  std::unique_ptr<TextInput> input;
  std::vector<int> tasks;
};

/// Opens what the flags name for the tasks of "a,b" or "all". Where no flag names columns, they are
/// those that the tasks' own files have. "all" means the tasks that the input fits, by its number
/// of texts and its columns; the others are named in a warning. UsageError as find_tasks, for named
/// tasks that the input does not fit, and for flags that contradict each other.
TaskInput open_task_input(const InputFlags& flags, const std::vector<Task>& tasks,
                          const std::string& names, const std::stop_token& stop);

/// Opens what the flags name: texts and pairs, for no task. Lines are cut by `rule`.
std::unique_ptr<TextInput> open_text_input(const InputFlags& flags, LineRule rule,
                                           const std::stop_token& stop);

}  // namespace pals

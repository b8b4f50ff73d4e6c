// Which tasks a request asks, by its `task` or `tasks`.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"
#include "serve/served_model.h"

namespace pals {

struct AskedTasks {
  std::vector<int> numbers;
  bool by_name = false;  ///< `tasks`: the answer is an object by their names
  bool all = false;      ///< those that the texts do not fit answer null
};

/// Throws ServeError (422) for tasks that the model lacks, with those that it has, and where it has
/// several and none is named.
AskedTasks asked_tasks(const ServedModel& model, const Json& body);

/// The number of a task.
int need_task(const ServedModel& model, const std::string& name);

/// What a text brings.
struct TextParts {
  bool pair = false, choices = false;
};

/// Why a task cannot be asked about such a text; empty if it can.
std::string misfit(const Task& task, const TextParts& parts);

/// Whether a task was made for such texts, where it can be told.
bool suits(const Task& task, const TextParts& parts);

}  // namespace pals

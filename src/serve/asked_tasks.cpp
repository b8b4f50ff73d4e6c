#include "serve/asked_tasks.h"

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "base/text_util.h"
#include "predict/fit.h"
#include "serve/body.h"

namespace pals {

int need_task(const ServedModel& model, const std::string& name) {
  for (const int number : model.all_tasks()) {
    if (model.tasks[static_cast<size_t>(number)].name == name) return number;
  }
  refuse(concat("there is no task ", quote(name), "; tasks: ", model.task_list()));
}

AskedTasks asked_tasks(const ServedModel& model, const Json& body) {
  const Json* one = find_field(body, "task");
  const Json* several = find_field(body, "tasks");
  if (one != nullptr && several != nullptr) refuse("`task` and `tasks` are both given");
  if (one != nullptr) return {.numbers = {need_task(model, string_of(*one, "task"))}};
  const std::vector<int> all = model.all_tasks();
  if (several == nullptr) {
    if (all.size() == 1) return {.numbers = all};
    refuse(concat("`task` is missing; tasks: ", model.task_list()));
  }
  if (*several == "all") return {.numbers = all, .by_name = true, .all = true};
  if (!several->is_array() || several->empty()) {
    refuse(concat("`tasks` must be \"all\" or a list of names; tasks: ", model.task_list()));
  }
  AskedTasks asked{.by_name = true};
  for (const Json& name : *several) {
    const int number = need_task(model, string_of(name, "tasks"));
    if (std::ranges::find(asked.numbers, number) != asked.numbers.end()) {
      refuse(concat("`tasks` names ", quote(name.get<std::string>()), " twice"));
    }
    asked.numbers.push_back(number);
  }
  return asked;
}

std::string misfit(const Task& task, const TextParts& parts) {
  const InputTraits needs = kind_of(task).input();
  if (needs.context && !parts.pair) {
    return concat("task ", quote(task.name), " needs a question and its context: a pair");
  }
  if (needs.choices && !parts.choices) {
    return concat("task ", quote(task.name), " chooses among `choices`, which are missing");
  }
  const std::optional<size_t> texts = texts_of(task);
  if (texts && *texts != (parts.pair ? size_t{2} : size_t{1})) {
    return concat(
        "task ", quote(task.name),
        parts.pair ? " takes one text, and got a pair" : " takes a pair, and got one text");
  }
  return "";
}

bool suits(const Task& task, const TextParts& parts) {
  return misfit(task, parts).empty() && kind_of(task).input().choices == parts.choices;
}

}  // namespace pals

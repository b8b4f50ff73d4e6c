#include "tasks/task_selection.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "base/text_util.h"
#include "tasks/glue.h"

namespace pals {
namespace {

/// The task that a user means by `name`, or nullptr.
const Task* known_task(std::string_view name, const std::vector<Task>& own_tasks) {
  for (const Task& task : own_tasks) {
    if (task.name == name) return &task;
  }
  std::string glue_name = ascii_lower(name);
  if (glue_name == "sst2" || glue_name == "sst-2") glue_name = "sst";
  if (glue_name == "stsb" || glue_name == "sts-b") glue_name = "sts";
  for (const Task& task : glue_tasks()) {
    if (task.name == glue_name) return &task;
  }
  return nullptr;
}

[[noreturn]] void fail_unknown(std::string_view name, const std::vector<Task>& own_tasks) {
  std::vector<std::string> names = {"all", "inf", "single"};
  for (const std::vector<Task>* tasks : {&glue_tasks(), &own_tasks}) {
    for (std::string& known : task_names(*tasks)) names.push_back(std::move(known));
  }
  fail_usage("--tasks: unknown task ", quote(name), did_you_mean(name, names),
             " (valid: ", join(names, ", "), ", or several names separated by commas)");
}

std::vector<Task> named_tasks(const std::string& list, const std::vector<Task>& own_tasks) {
  std::vector<Task> selected;
  for (const std::string_view piece : split(list, ',')) {
    const std::string_view name = trim(piece);
    if (name.empty()) fail_usage("--tasks ", quote(list), ": an empty name between commas");
    const Task* task = known_task(name, own_tasks);
    if (task == nullptr) {
      if (name == "all" || name == "inf" || name == "single") {
        fail_usage("--tasks ", quote(list), ": ", quote(name),
                   " stands alone; list the tasks by name instead");
      }
      fail_unknown(name, own_tasks);
    }
    for (const Task& earlier : selected) {
      if (earlier.name == task->name) {
        fail_usage("--tasks ", quote(list), ": task ", quote(task->name), " is named twice");
      }
    }
    selected.push_back(*task);
  }
  return selected;
}

}  // namespace

std::vector<std::string> task_names(const std::vector<Task>& tasks) {
  std::vector<std::string> names;
  for (const Task& task : tasks) names.push_back(task.name);
  return names;
}

int find_task(const std::vector<Task>& tasks, const std::string& name, const std::string& flag) {
  if (name.empty() && tasks.size() == 1) return 0;
  const std::vector<std::string> names = task_names(tasks);
  const auto found = std::ranges::find(names, name);
  if (found != names.end()) return static_cast<int>(found - names.begin());
  const std::string nearest = did_you_mean(name, names);
  fail_usage(flag, ": ", name.empty() ? "missing" : concat("the model has no task ", quote(name)),
             nearest.empty() ? "; its tasks: " : nearest + " Its tasks: ",
             names.empty() ? "none" : join(names, ", "));
}

std::vector<Task> select_tasks(const std::string& tasks_flag, std::optional<int> task_id,
                               const std::vector<Task>& own_tasks) {
  const std::vector<Task>& glue = glue_tasks();
  if (tasks_flag.empty() && !own_tasks.empty()) return own_tasks;
  if (tasks_flag.empty() || tasks_flag == "all") {
    std::vector<Task> selected(glue.begin(), glue.begin() + kReferenceTasks);
    selected.insert(selected.end(), own_tasks.begin(), own_tasks.end());
    return selected;
  }
  if (tasks_flag == "inf") return named_tasks("qnli,mnli,rte", {});
  if (tasks_flag == "single") {
    const int id = task_id.value_or(1);
    if (id < 0 || id >= static_cast<int>(kReferenceTasks)) {
      std::vector<std::string> numbered;
      for (size_t i = 0; i < kReferenceTasks; ++i) {
        numbered.push_back(concat(i, " ", glue[i].name));
      }
      fail_usage("--task_id ", id, " is not the number of a task (", join(numbered, ", "), ")");
    }
    return {glue[static_cast<size_t>(id)]};
  }
  return named_tasks(tasks_flag, own_tasks);
}

}  // namespace pals

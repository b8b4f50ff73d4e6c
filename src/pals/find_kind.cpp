#include "pals/find_kind.h"

#include "base/error.h"
#include "base/text_util.h"
#include "predict/find_task.h"

namespace pals {

size_t find_task_of_kind(const std::vector<Task>& tasks, const std::string& name, TaskKind kind) {
  const auto index = static_cast<size_t>(find_task(tasks, name, "task"));
  if (tasks[index].kind != kind) {
    fail_usage("task: ", quote(tasks[index].name), " is of the kind ", kind_name(tasks[index].kind),
               ", expected ", kind_name(kind));
  }
  return index;
}

}  // namespace pals

#include "predict/find_tasks.h"

#include <algorithm>

#include "base/error.h"
#include "base/text_util.h"
#include "kinds/kind.h"
#include "tasks/task_selection.h"

namespace pals {
namespace {

/// Whether a text or pair is all that the kind needs.
bool takes_texts(const Kind& kind) { return !kind.input().context && !kind.input().choices; }

}  // namespace

std::vector<int> find_tasks(const std::vector<Task>& tasks, const std::string& names,
                            const std::string& flag) {
  std::vector<std::string> wanted;
  for (const std::string_view name : split(names, ',')) wanted.emplace_back(trim(name));
  if (names == "all") wanted = task_names(tasks);
  std::vector<int> found;
  for (const std::string& name : wanted) {
    const int task = find_task(tasks, name, flag);
    if (std::ranges::find(found, task) != found.end()) {
      fail_usage(flag, ": ", quote(name), " is named twice");
    }
    found.push_back(task);
  }
  return found;
}

std::vector<int> find_text_tasks(const std::vector<Task>& tasks, const std::string& names,
                                 const std::string& flag) {
  std::vector<int> found = find_tasks(tasks, names, flag);
  for (const int index : found) {
    const Task& task = tasks[static_cast<size_t>(index)];
    if (takes_texts(kind_of(task))) continue;
    std::vector<std::string> kinds;
    for (const std::string& name : kind_names()) {
      if (takes_texts(kind_of(*kind_from_name(name)))) kinds.push_back(name);
    }
    fail_usage(flag, ": task ", quote(task.name), " is of the kind ", kind_name(task.kind),
               ", expected ", join(kinds, " or "));
  }
  return found;
}

}  // namespace pals

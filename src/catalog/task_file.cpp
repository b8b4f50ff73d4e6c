#include "catalog/task_file.h"

#include <filesystem>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "base/text_util.h"
#include "catalog/reader.h"
#include "catalog/task_json.h"
#include "kinds/kind.h"
#include "tasks/glue.h"
#include "tasks/text_rows.h"

namespace pals {
namespace {

void check_name_is_free(const std::string& name, const std::string& where) {
  const std::string lower = ascii_lower(name);
  if (lower == "all" || lower == "inf" || lower == "single") {
    fail_usage(where, ": task name ", quote(name), " has a meaning of its own in --tasks");
  }
  for (const Task& task : glue_tasks()) {
    if (lower == task.name) {
      fail_usage(where, ": task name ", quote(name), " is the name of a GLUE task");
    }
  }
}

}  // namespace

std::vector<Task> parse_task_file(const Json& document, const std::string& where,
                                  const std::string& folder) {
  if (!document.is_object() || !document.contains("tasks") || !document["tasks"].is_array() ||
      document["tasks"].empty()) {
    fail_usage(where,
               ": want an object {\"tasks\": [{\"name\": ...}, ...]} with at least one task");
  }
  for (const auto& [key, value] : document.items()) {
    if (key != "tasks") fail_usage(where, ": unknown key ", quote(key), " beside \"tasks\"");
  }
  if (document["tasks"].size() > kMostTasks) {
    fail_usage(where, ": ", document["tasks"].size(), " tasks, at most ", kMostTasks);
  }
  const std::filesystem::path base = std::filesystem::absolute(folder.empty() ? "." : folder);
  std::vector<Task> tasks;
  std::set<std::string> names;
  for (const Json& object : document["tasks"]) {
    Task task = parse_task(object, where);
    if (!names.insert(task.name).second) {
      fail_usage(where, ": two tasks are named ", quote(task.name));
    }
    check_name_is_free(task.name, where);
    if (task.files.empty()) {
      fail_usage(where, ": task ", quote(task.name),
                 " has no files; want \"train\", \"dev\" or \"test\": \"FILE\"");
    }
    for (DataFile& file : task.files) {
      file.path = (base / file.path).lexically_normal().string();
    }
    tasks.push_back(std::move(task));
  }
  return tasks;
}

std::vector<Task> read_task_file(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  std::vector<Task> tasks = parse_task_file(read_json(path), path, folder);
  for (Task& task : tasks) {
    if (kind_of(task).has_labels() && task.labels.empty()) {
      const std::vector<const DataFile*> training = files_of(task, "train");
      if (training.empty()) {
        fail_usage(path, ": task ", quote(task.name),
                   " has neither \"labels\" nor a \"train\" file to take them from");
      }
      task.labels = collect_labels(task, "");
      log_info("task ", task.name, ": labels ", quote_list(task.labels), " (from ",
               training.front()->path, training.size() > 1 ? " and others)" : ")");
    }
    check_task(task, path);
  }
  return tasks;
}

}  // namespace pals

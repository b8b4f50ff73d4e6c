#include "catalog/task_file.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text_util.h"
#include "catalog/reader.h"
#include "catalog/task_json.h"
#include "kinds/kind.h"
#include "tasks/glue.h"
#include "tasks/text_rows.h"

namespace pals {
namespace {

// The JSON files beside it are what it may have meant.
[[noreturn]] void fail_no_file(const std::string& path) {
  const std::filesystem::path whole(path);
  const std::string folder = whole.parent_path().string();
  std::vector<std::string> names;
  if (directory_exists(folder.empty() ? "." : folder)) {
    for (const std::string& name : list_directory(folder.empty() ? "." : folder)) {
      if (name.ends_with(".json")) names.push_back(name);
    }
  }
  const std::string nearest = nearest_name(whole.filename().string(), names);
  const std::string meant = (whole.parent_path() / nearest).string();
  fail("--task_file: there is no file ", path,
       nearest.empty() ? "" : concat("; did you mean ", quote(meant), "?"));
}

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

// By these values nothing would be learned. Model folders may have them, of earlier versions.
void check_losses(const Task& task, const std::string& where) {
  const LossSettings& loss = task.loss;
  const bool no_class = std::ranges::find(loss.class_weights, 0.0) != loss.class_weights.end();
  const std::string here = concat(where, ": task ", quote(task.name), ": ");
  if (loss.weight == 0.0 || no_class) {
    fail_usage(here, quote(no_class ? "class_weights" : "loss_weight"),
               " is 0, want a number above 0");
  }
  if (loss.label_smoothing == 1.0) {
    fail_usage(here, "\"label_smoothing\" is 1, want a number from 0 to below 1");
  }
}

}  // namespace

Json parse_task_document(std::string_view text, const std::string& where) {
  try {
    return parse_json(text, where);
  } catch (const Error& error) {
    constexpr std::array kData = {".csv", ".tsv", ".jsonl", ".txt", ".conll", ".iob2"};
    const std::string name = ascii_lower(where);
    const bool is_named_so =
        std::ranges::any_of(kData, [&](const char* end) { return name.ends_with(end); });
    const bool is_object = trim(text).starts_with("{") && !name.ends_with(".jsonl");
    if (!is_named_so || is_object) throw;
    fail(where, ": it is a data file, expected a task file, in JSON; `pals init ", where,
         "` writes one for it");
  }
}

std::vector<Task> parse_task_file(const Json& document, const std::string& where,
                                  const std::string& folder, DataFiles data_files) {
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
    check_losses(task, where);
    if (task.files.empty() && data_files == DataFiles::kNeeded) {
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

std::vector<Task> read_task_file(const std::string& path, DataFiles data_files) {
  std::error_code error;
  const bool is_path = path.find('\0') == std::string::npos;
  if (is_path &&
      std::filesystem::status(path, error).type() == std::filesystem::file_type::not_found)
    fail_no_file(path);
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const Json document = parse_task_document(read_file(path, kMostTaskFileBytes), path);
  std::vector<Task> tasks = parse_task_file(document, path, folder, data_files);
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

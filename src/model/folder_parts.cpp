#include "model/folder_parts.h"

#include <algorithm>
#include <functional>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/output_path.h"
#include "base/text_util.h"
#include "catalog/task_json.h"
#include "checkpoint/safetensors.h"
#include "predict/find_tasks.h"
#include "tasks/task_selection.h"

namespace pals {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLargeFile = 1 << 20;  // a link spares time and room

// A task as it lies in a folder.
struct TaskPart {
  std::string folder, name;
};

// The files of a folder, but for those below it.
std::vector<std::string> files_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const std::string& name : list_directory(folder)) {
    if (!is_temporary_name(name) && fs::is_regular_file(folder + "/" + name)) names.push_back(name);
  }
  return names;
}

void take_file(const std::string& from, const std::string& to) {
  const MappedFile file(from);
  if (file.bytes().size() >= kLargeFile) {
    link_or_copy(from, to);
  } else {
    write_file_atomically(to, file.bytes());
  }
}

void take_files(const std::string& from, const std::string& to) {
  make_directories(to);
  for (const std::string& name : files_in(from)) take_file(from + "/" + name, to + "/" + name);
}

// The object of tasks.json, which read_model_description has found to be sound.
Json task_object(const TaskPart& part) {
  const std::string path = part.folder + kTasksFile;
  const Json json = read_json(path);
  for (const Json& task : json.value("tasks", Json::array())) {
    if (task.is_object() && task.value("name", "") == part.name) return task;
  }
  fail(path, ": there is no task ", quote(part.name), " any more");
}

// The shared files of `base` and the tasks' as they are; `add` may write further ones and append
// their tasks.
void write_parts(const std::string& path, const std::string& base,
                 const std::vector<TaskPart>& parts,
                 const std::function<void(const std::string& fresh, Json& tasks)>& add = {}) {
  write_folder_aside(path, [&](const std::string& fresh) {
    for (const std::string& name : files_in(base)) {
      if (name != kTasksFile + 1) take_file(base + "/" + name, fresh + "/" + name);
    }
    Json tasks = Json::array();
    for (const TaskPart& part : parts) {
      tasks.push_back(task_object(part));
      take_files(adapter_folder(part.folder, part.name), adapter_folder(fresh, part.name));
    }
    if (add) add(fresh, tasks);
    write_file_atomically(fresh + kTasksFile, json_text(Json{{"tasks", tasks}}));
  });
}

std::vector<TaskPart> parts_of(const std::string& folder, const std::vector<Task>& tasks) {
  std::vector<TaskPart> parts;
  for (const Task& task : tasks) parts.push_back({folder, task.name});
  return parts;
}

void require_hashes(const std::string& folder, const FolderIdentity& identity) {
  if (identity.complete()) return;
  fail(folder,
       ": a model folder of an earlier version, without the hashes that tell whether tasks ",
       "fit together; rewrite it with pals convert ", folder, " NEW_FOLDER");
}

}  // namespace

KeptModel keep_model(const OpenedModel& opened, const ModelDescription& added,
                     const Tokenizer& tokenizer, const std::string& shared_weights) {
  const std::string& folder = opened.source.path;
  const ModelDescription& saved = opened.description;
  if (!opened.trained) {
    fail_usage(folder, ": no model folder with tasks to which others could be added; ",
               "pals train makes one of it");
  }
  require_hashes(folder, opened.identity);
  for (const Task& task : added.tasks) {
    if (std::ranges::find(saved.tasks, task.name, &Task::name) == saved.tasks.end()) continue;
    fail_usage(folder, ": the model has a task ", quote(task.name),
               " already; give the new one another name, or take that one out with ",
               "pals remove-task");
  }
  if (added.max_seq_length != saved.max_seq_length) {
    fail_usage("--max_seq_length is ", added.max_seq_length, ", but the tasks of ", folder,
               " have rows of ", counted(saved.max_seq_length, "token"));
  }
  const auto own_pooler = [](const AdapterConfig& adapter) { return adapter.task_pooler; };
  if (std::ranges::all_of(saved.adapters, own_pooler) &&
      !std::ranges::all_of(added.adapters, own_pooler)) {
    fail_usage("--task_pooler is missing: all tasks of ", folder,
               " have poolers of their own, and there is none that is shared");
  }
  opened.identity.check_tokenizer(tokenizer);
  return {folder, shared_weights, fs::last_write_time(folder + kWeightsFile)};
}

void save_added_tasks(const std::string& path, const KeptModel& kept, const MultiTaskModel& model,
                      const ModelDescription& description, const Tokenizer& tokenizer) {
  std::error_code error;
  if (fs::last_write_time(kept.folder + kWeightsFile, error) != kept.weights_written || error) {
    fail(kept.folder, kWeightsFile, ": the file was replaced while a task was added to its model");
  }
  const SavedDescription saved = read_model_description(kept.folder);
  const ModelTensors tensors = tensors_of(model.arena());
  write_parts(path, kept.folder, parts_of(kept.folder, saved.model.tasks),
              [&](const std::string& fresh, Json& tasks) {
                for (size_t i = 0; i < description.tasks.size(); ++i) {
                  tasks.push_back(task_to_json(description.tasks[i]));
                  write_task_parts(fresh, tensors, description, tokenizer, static_cast<int>(i),
                                   kept.shared_weights);
                }
              });
}

void check_folder_output(const std::string& path, bool overwrite, const std::string& flag) {
  if (file_exists(path)) {
    fail(flag, ": ", path, " is a file, expected a folder to write");
  }
  if (!directory_exists(path) || list_directory(path).empty()) return;
  if (!file_exists(path + kConfigFile)) {
    fail(flag, ": ", path, " is a folder with other files, no model folder, and is not replaced; ",
         "give another name");
  }
  if (!overwrite) {
    fail_usage(flag, ": ", path, " exists; --overwrite puts the new model folder in its place");
  }
}

void remove_tasks(const std::string& folder, const std::string& tasks, const std::string& output) {
  const std::vector<Task> saved = open_trained_folder({.path = folder}).description.tasks;
  std::vector<TaskPart> kept = parts_of(folder, saved);
  for (const int task : find_tasks(saved, tasks, "--tasks")) {
    std::erase_if(kept, [&](const TaskPart& part) {
      return part.name == saved[static_cast<size_t>(task)].name;
    });
  }
  if (kept.empty()) {
    fail_usage("--tasks: these are all tasks of ", folder,
               "; its encoder alone is written by pals convert --encoder_only");
  }
  write_parts(output, folder, kept);
}

void merge_folders(const std::vector<std::string>& folders, const std::string& output) {
  if (folders.size() < 2) fail_usage("merge-tasks takes two or more model folders");
  const std::string& base = folders.front();
  const OpenedModel first = open_trained_folder({.path = base});
  require_hashes(base, first.identity);
  const Tokenizer tokenizer = open_tokenizer(first);
  std::vector<TaskPart> parts = parts_of(base, first.description.tasks);
  std::string shared_weights;
  for (size_t i = 1; i < folders.size(); ++i) {
    const OpenedModel other = open_trained_folder({.path = folders[i]});
    require_hashes(folders[i], other.identity);
    for (size_t task = 0; task < other.description.tasks.size(); ++task) {
      const std::string& name = other.description.tasks[task].name;
      const auto taken = std::ranges::find(parts, name, &TaskPart::name);
      if (taken != parts.end()) {
        fail_usage("task ", name, " is both in ", taken->folder, " and in ", folders[i],
                   "; take it out of one of them with pals remove-task");
      }
      ModelDescription here = first.description;
      here.tasks = {other.description.tasks[task]};
      other.identity.check_other_model(task, task_origin(here, 0, tokenizer));
      if (shared_weights.empty()) {
        TensorFile weights = read_safetensors(base + kWeightsFile);
        shared_weights = check_shared_weights(first, weights);
      }
      other.identity.check_merged(task, shared_weights, base);
      const std::string file = find_adapter_files(folders[i], name).weights;
      other.identity.check_task_weights(task, read_safetensors(file));
      parts.push_back({folders[i], name});
    }
  }
  for (const Task& task : first.description.tasks) {
    const auto number = static_cast<size_t>(&task - first.description.tasks.data());
    const std::string file = find_adapter_files(base, task.name).weights;
    first.identity.check_task_weights(number, read_safetensors(file));
  }
  write_parts(output, base, parts);
}

}  // namespace pals

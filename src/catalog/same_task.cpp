#include "catalog/same_task.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "base/json_differences.h"
#include "base/log.h"
#include "base/text_util.h"
#include "catalog/data_file_json.h"
#include "catalog/task_json.h"
#include "kinds/kind.h"

namespace pals {
namespace {

// The file that says which columns a task's texts are in: of the same split in both, else the
// first.
struct CommonFiles {
  const DataFile* trained = nullptr;
  const DataFile* now = nullptr;
};

CommonFiles common_files(const Task& trained, const Task& now) {
  if (trained.files.empty() || now.files.empty()) return {};
  for (const DataFile& file : now.files) {
    if (const DataFile* same = find_file(trained, file.split)) return {same, &file};
  }
  return {&trained.files.front(), &now.files.front()};
}

bool has_pairs(const Task& task) {
  return std::ranges::any_of(task.files,
                             [](const DataFile& file) { return file.text_b.has_value(); });
}

// A task without what labels and files say: they are compared by themselves.
Json other_keys(const Task& task) {
  Json json = task_to_json(task);
  for (const DataFile& file : task.files) json.erase(file.split);
  for (const char* key : {"labels", "label_scale", "kind", "name", "adapter"}) json.erase(key);
  return json;
}

Json columns_of(const DataFile& file, TaskKind kind) {
  Json json = data_file_to_json(file, kind);
  for (const char* key : {"path", "format", "header", "required_columns"}) json.erase(key);
  return json;
}

}  // namespace

std::vector<int64_t> match_task(const Task& trained, const Task& now, const std::string& where,
                                const std::string& advice) {
  const std::string task = concat("task ", now.name);
  const auto refuse_unless_same = [&](const char* what, const Json& then, const Json& found) {
    const std::vector<std::string> differences = json_differences(what, then, found);
    if (differences.empty()) return;
    fail(where, ": ", task, " is not the one that was trained: ", some_differences(differences),
         advice);
  };
  refuse_unless_same("kind", kind_name(trained.kind), kind_name(now.kind));
  refuse_unless_same("label_scale", trained.label_scale, now.label_scale);
  std::vector<int64_t> order;
  for (const std::string& label : now.labels) {
    order.push_back(std::ranges::find(trained.labels, label) - trained.labels.begin());
  }
  const auto num_labels = static_cast<int64_t>(trained.labels.size());
  const bool others = std::ssize(order) != num_labels || std::ranges::count(order, num_labels) > 0;
  const bool movable = kind_of(now).outputs_are_labels() || std::ranges::is_sorted(order);
  if (others || !movable) {
    refuse_unless_same("labels", trained.labels, now.labels);
  }
  const auto [then, file] = common_files(trained, now);
  Json old_columns = Json::object(), new_columns = Json::object();
  if (then != nullptr) {
    old_columns = columns_of(*then, trained.kind);
    new_columns = columns_of(*file, now.kind);
    const bool exchanged = then->text_b && file->text_b && then->text_a == *file->text_b &&
                           *then->text_b == file->text_a;
    if (exchanged) refuse_unless_same(file->split.c_str(), old_columns, new_columns);
    const char* const texts[] = {"single texts", "pairs of texts"};
    refuse_unless_same("what it reads", texts[has_pairs(trained)], texts[has_pairs(now)]);
  }
  std::vector<std::string> said = json_differences(task, other_keys(trained), other_keys(now));
  for (std::string& text : json_differences(task, old_columns, new_columns)) {
    said.push_back(std::move(text));
  }
  if (!said.empty()) log_info(where, ": other than in training: ", some_differences(said));
  return std::ranges::is_sorted(order) ? std::vector<int64_t>() : order;
}

}  // namespace pals

#include "catalog/task_json.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "base/text_util.h"
#include "catalog/data_file_json.h"
#include "kinds/kind.h"
#include "tasks/json_values.h"
#include "tasks/text_rows.h"

namespace pals {
namespace {

constexpr double kLargestWeight = 1e6;

/// The keys of a task alone, beside its splits and file_keys().
std::vector<std::string> task_keys(TaskKind kind) {
  std::vector<std::string> keys = {"name", "kind", "adapter", "metrics", "loss_weight"};
  if (kind_of(kind).has_labels()) keys.insert(keys.end(), {"class_weights", "label_smoothing"});
  const std::vector<std::string>& own = kind_of(kind).keys();
  keys.insert(keys.end(), own.begin(), own.end());
  return keys;
}

bool is_one_of(const std::string& key, const std::vector<std::string>& keys) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

std::vector<Metric> metrics_of(const Json& value, const std::string& where) {
  if (!value.is_array()) fail_type(where, "metrics", value, "a list such as [\"accuracy\"]");
  std::vector<Metric> metrics;
  for (const Json& item : value) {
    const std::string& name = string_of(item, "metrics", where);
    const std::optional<Metric> metric = metric_from_name(name);
    if (!metric) {
      fail_usage(where, ": unknown metric ", quote(name), did_you_mean(name, metric_names()),
                 " (metrics: ", quote_list(metric_names()), ")");
    }
    if (std::find(metrics.begin(), metrics.end(), *metric) != metrics.end()) {
      fail_usage(where, ": metric ", quote(name), " is listed twice");
    }
    metrics.push_back(*metric);
  }
  if (metrics.empty()) fail_usage(where, ": no metrics; leave the key out for the usual ones");
  return metrics;
}

TaskKind kind_from_json(const Json& value, const std::string& where) {
  const std::string& name = string_of(value, "kind", where);
  const std::optional<TaskKind> kind = kind_from_name(name);
  if (kind) return *kind;
  fail_usage(where, ": unknown kind ", quote(name), did_you_mean(name, kind_names()),
             " (kinds: ", quote_list(kind_names()), ")");
}

void check_name(const std::string& name, const std::string& where) {
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
  if (!plain || name.empty() || name.size() > 64) {
    fail_usage(where, ": task name ", quote(name),
               ", want 1 to 64 letters, digits, underscores and hyphens");
  }
}

const Json& required(const Json& object, const char* key, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end()) fail_usage(where, ": the key ", quote(key), " is missing");
  return *found;
}

/// The splits of a task object: train first, then dev and test files by name.
std::vector<std::string> splits_of(const Json& object) {
  std::vector<std::string> splits;
  for (const std::string_view kind : {"train", "dev", "test"}) {
    for (const auto& [key, value] : object.items()) {
      if (is_split(key) && key.starts_with(kind)) splits.push_back(key);
    }
  }
  return splits;
}

/// What a task says of its adapter, as JSON: adapters know what it may be.
std::string adapter_of(const Json& value, const std::string& where) {
  if (!value.is_object()) fail_type(where, "adapter", value, "an object {\"kind\": ...}");
  if (!value.contains("kind")) {
    fail_usage(where, ": \"adapter\" has no \"kind\"; give one, such as {\"kind\": \"lora\", ",
               "\"rank\": 8}");
  }
  return json_text(value, -1);
}

// Numbers in the order of the labels, an object with one for each, or "balanced".
void read_class_weights(const Json& value, const std::string& where, Task& task) {
  constexpr const char* kKey = "class_weights";
  if (value == "balanced") {
    task.loss.balanced = true;
    return;
  }
  if (!value.is_array() && !value.is_object()) {
    fail_type(where, kKey, value, "numbers in the order of the labels, or \"balanced\"");
  }
  if (task.labels.empty()) {
    fail_usage(where, ": ", quote(kKey), " for single labels need \"labels\", which lists them all",
               "; without it they can only be \"balanced\"");
  }
  for (size_t i = 0; i < task.labels.size(); ++i) {
    const bool found = value.is_array() ? i < value.size() : value.contains(task.labels[i]);
    if (!found) fail_usage(where, ": ", quote(kKey), " has none for ", quote(task.labels[i]));
    const Json& weight = value.is_array() ? value[i] : value[task.labels[i]];
    task.loss.class_weights.push_back(number_of(weight, kKey, 0.0, kLargestWeight, where));
  }
  for (const auto& [name, weight] : value.items()) {
    if (value.is_array() || is_one_of(name, task.labels)) continue;
    fail_usage(where, ": ", quote(kKey), " has one for ", quote(name), ", which is no label",
               did_you_mean(name, task.labels));
  }
  if (value.size() != task.labels.size()) {
    fail_usage(where, ": ", value.size(), " ", quote(kKey), " for ",
               counted(std::ssize(task.labels), "label"));
  }
}

void read_loss_keys(const Json& object, const std::string& where, Task& task) {
  if (object.contains("loss_weight")) {
    task.loss.weight = number_of(object["loss_weight"], "loss_weight", 0.0, kLargestWeight, where);
  }
  if (object.contains("class_weights")) read_class_weights(object["class_weights"], where, task);
  if (object.contains("label_smoothing")) {
    task.loss.label_smoothing =
        number_of(object["label_smoothing"], "label_smoothing", 0.0, 1.0, where);
  }
}

// What differs from the usual.
void write_loss_keys(const LossSettings& loss, Json& object) {
  if (loss.weight != 1.0) object["loss_weight"] = loss.weight;
  if (loss.balanced) object["class_weights"] = "balanced";
  if (!loss.class_weights.empty()) object["class_weights"] = loss.class_weights;
  if (loss.label_smoothing != 0.0) object["label_smoothing"] = loss.label_smoothing;
}

}  // namespace

Task parse_task(const Json& object, const std::string& where) {
  if (!object.is_object()) {
    fail_usage(where, ": a task is ", object.type_name(), ", want an object {\"name\": ...}");
  }
  Task task;
  task.name = string_of(required(object, "name", where), "name", where);
  check_name(task.name, where);
  const std::string here = concat(where, ": task ", quote(task.name, 64));
  task.kind = kind_from_json(required(object, "kind", here), here);
  const Kind& kind = kind_of(task);
  FileSettings settings;
  const std::vector<std::string> of_files = file_keys(task.kind), of_task = task_keys(task.kind);
  for (const auto& [key, value] : object.items()) {
    if (is_one_of(key, of_files)) {
      set_file_key(settings, key, value, task.kind, here);
    } else if (!is_split(key) && !is_one_of(key, of_task)) {
      std::vector<std::string> valid = of_task;
      valid.insert(valid.end(), of_files.begin(), of_files.end());
      valid.insert(valid.end(), {"train", "dev", "test"});
      fail_unknown_key(key, valid, here);
    }
  }
  if (object.contains("adapter")) task.adapter = adapter_of(object["adapter"], here);
  kind.read_keys(object, here, task);
  read_loss_keys(object, here, task);
  task.metrics =
      object.contains("metrics") ? metrics_of(object["metrics"], here) : kind.usual_metrics(task);
  for (const std::string& split : splits_of(object)) {
    task.files.push_back(data_file_from_json(split, object[split], task.kind, settings,
                                             concat(here, ", file ", quote(split))));
  }
  return task;
}

void check_task(const Task& task, const std::string& where) {
  const std::string here = concat(where, ": task ", quote(task.name, 64));
  if (kind_of(task).has_labels() && task.labels.size() < 2) {
    fail_usage(here, ": ", counted(std::ssize(task.labels), "label"), ", want at least 2");
  }
  const std::string problem = kind_of(task).problem(task);
  if (!problem.empty()) fail_usage(here, ": ", problem);
  for (const Metric metric : task.metrics) {
    const std::string unfit = metric_problem(metric, task);
    if (!unfit.empty()) fail_usage(here, ": ", unfit);
  }
}

Task task_from_json(const Json& object, const std::string& where) {
  Task task = parse_task(object, where);
  check_task(task, where);
  return task;
}

Json task_to_json(const Task& task) {
  Json json = {{"name", task.name}, {"kind", kind_name(task.kind)}, {"metrics", Json::array()}};
  for (const Metric metric : task.metrics) json["metrics"].push_back(metric_name(metric));
  kind_of(task).write_keys(task, json);
  write_loss_keys(task.loss, json);
  if (!task.adapter.empty()) json["adapter"] = parse_json(task.adapter, task.name);
  for (const DataFile& file : task.files) json[file.split] = data_file_to_json(file, task.kind);
  return json;
}

Json task_identity(const Task& task) {
  Json json = task_to_json(task);
  for (const DataFile& file : task.files) {
    if (file.split.starts_with("test")) {
      json.erase(file.split);
    } else {
      json[file.split].erase("path");
    }
  }
  return json;
}

}  // namespace pals

#include "tasks/task_json.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include "base/error.h"
#include "base/text_util.h"
#include "tasks/data_file_json.h"
#include "tasks/json_values.h"
#include "tasks/text_rows.h"

namespace pals {
namespace {

constexpr size_t kMostLabels = 10000;
constexpr int64_t kMostTokens = 1 << 20;

/// The keys of a task alone, beside its splits and file_keys().
const std::vector<std::string>& task_keys(TaskKind kind) {
  static const std::vector<std::string> texts = {"name",   "kind",    "adapter",
                                                 "labels", "metrics", "label_scale"};
  static const std::vector<std::string> span = {"name",           "kind",
                                                "adapter",        "metrics",
                                                "doc_stride",     "max_query_length",
                                                "n_best_size",    "unanswerable",
                                                "null_threshold", "max_answer_length"};
  static const std::vector<std::string> choices = {"name", "kind", "adapter", "metrics"};
  if (kind == TaskKind::kSpan) return span;
  return kind == TaskKind::kMultipleChoice ? choices : texts;
}

bool is_one_of(const std::string& key, const std::vector<std::string>& keys) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

std::string label_of(const Json& value, const std::string& where) {
  if (value.is_number_integer() || value.is_boolean()) return value.dump();
  const std::string& label = string_of(value, "labels", where);
  if (label.empty() || trim(label) != label) {
    fail_usage(where, ": label ", quote(label),
               " is empty or has white space around it; labels are compared without it");
  }
  return label;
}

std::vector<std::string> labels_of(const Json& value, const std::string& where) {
  if (!value.is_array()) fail_type(where, "labels", value, "a list of labels");
  if (value.size() > kMostLabels) {
    fail_usage(where, ": ", value.size(), " labels, at most ", kMostLabels, " are possible");
  }
  std::vector<std::string> labels;
  std::set<std::string> seen;
  for (const Json& item : value) {
    labels.push_back(label_of(item, where));
    if (!seen.insert(labels.back()).second) {
      fail_usage(where, ": label ", quote(labels.back()), " is listed twice");
    }
  }
  if (labels.size() < 2) {
    fail_usage(where, ": ", labels.size(), " labels, want at least 2, or no \"labels\" at all ",
               "to take them from the training file");
  }
  return labels;
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

TaskKind kind_of(const std::string& name, const std::string& where) {
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

double scale_of(const Json& value, const std::string& where) {
  const double scale = value.is_number() ? value.get<double>() : 0.0;
  if (!std::isfinite(scale) || scale < 1e-6 || scale > 1e6) {
    fail_usage(where, ": \"label_scale\" is ", quote(json_text(value, -1)),
               ", want a number from 0.000001 to 1000000; values are divided by it");
  }
  return scale;
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

std::string adapter_of(const Json& value, const std::string& where) {
  if (!value.is_object()) fail_type(where, "adapter", value, "an object {\"kind\": ...}");
  return json_text(value, -1);
}

/// How a span task cuts and answers.
SpanOptions span_of(const Json& object, const std::string& where) {
  SpanOptions span;
  const auto tokens = [&](const char* key, int& value) {
    const auto found = object.find(key);
    if (found != object.end()) {
      value = static_cast<int>(integer_of(*found, key, 1, kMostTokens, where));
    }
  };
  tokens("doc_stride", span.doc_stride);
  tokens("max_query_length", span.max_query_length);
  tokens("max_answer_length", span.max_answer_length);
  tokens("n_best_size", span.n_best_size);
  if (object.contains("unanswerable")) {
    span.unanswerable = bool_of(object["unanswerable"], "unanswerable", where);
  }
  if (object.contains("null_threshold")) {
    span.null_threshold = number_of(object["null_threshold"], "null_threshold", -1e6, 1e6, where);
  }
  return span;
}

}  // namespace

Json span_to_json(const SpanOptions& span) {
  return {{"doc_stride", span.doc_stride},
          {"max_query_length", span.max_query_length},
          {"max_answer_length", span.max_answer_length},
          {"n_best_size", span.n_best_size},
          {"unanswerable", span.unanswerable},
          {"null_threshold", span.null_threshold}};
}

Task parse_task(const Json& object, const std::string& where) {
  if (!object.is_object()) {
    fail_usage(where, ": a task is ", object.type_name(), ", want an object {\"name\": ...}");
  }
  Task task;
  task.name = string_of(required(object, "name", where), "name", where);
  check_name(task.name, where);
  const std::string here = concat(where, ": task ", quote(task.name, 64));
  task.kind = kind_of(string_of(required(object, "kind", here), "kind", here), here);
  FileSettings settings;
  for (const auto& [key, value] : object.items()) {
    if (is_one_of(key, file_keys(task.kind))) {
      set_file_key(settings, key, value, here);
    } else if (!is_split(key) && !is_one_of(key, task_keys(task.kind))) {
      std::vector<std::string> valid = task_keys(task.kind);
      valid.insert(valid.end(), file_keys(task.kind).begin(), file_keys(task.kind).end());
      valid.insert(valid.end(), {"train", "dev", "test"});
      fail_unknown_key(key, valid, here);
    }
  }
  if (object.contains("adapter")) task.adapter = adapter_of(object["adapter"], here);
  const bool regression = task.kind == TaskKind::kRegression;
  if (object.contains("labels")) {
    if (regression) fail_usage(here, ": a regression has values, not labels; remove \"labels\"");
    task.labels = labels_of(object["labels"], here);
  }
  if (object.contains("label_scale")) {
    if (!regression) fail_usage(here, ": \"label_scale\" is for regressions only");
    task.label_scale = scale_of(object["label_scale"], here);
  }
  task.metrics =
      object.contains("metrics") ? metrics_of(object["metrics"], here) : usual_metrics(task.kind);
  if (task.kind == TaskKind::kSpan) task.span = span_of(object, here);
  for (const std::string& split : splits_of(object)) {
    task.files.push_back(data_file_from_json(split, object[split], task.kind, settings,
                                             concat(here, ", file ", quote(split))));
  }
  return task;
}

void check_task(const Task& task, const std::string& where) {
  const std::string here = concat(where, ": task ", quote(task.name, 64));
  if (task.kind == TaskKind::kClassification && task.labels.size() < 2) {
    fail_usage(here, ": ", task.labels.size(), " labels, want at least 2");
  }
  for (const Metric metric : task.metrics) {
    const std::string problem = metric_problem(metric, task);
    if (!problem.empty()) fail_usage(here, ": ", problem);
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
  if (task.kind == TaskKind::kRegression) json["label_scale"] = task.label_scale;
  if (task.kind == TaskKind::kClassification) json["labels"] = task.labels;
  if (task.kind == TaskKind::kSpan) json.update(span_to_json(task.span));
  if (!task.adapter.empty()) json["adapter"] = parse_json(task.adapter, task.name);
  for (const DataFile& file : task.files) json[file.split] = data_file_to_json(file, task.kind);
  return json;
}

}  // namespace pals

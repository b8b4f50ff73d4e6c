#include "predict/render.h"

#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/one_line.h"
#include "base/text_util.h"
#include "kinds/kind.h"
#include "kinds/tsv_text.h"

namespace pals {
namespace {

constexpr const char* kId = "id";
constexpr const char* kError = "error";
constexpr const char* kLine = "line";

/// A field of CSV, in quotes if it has to be.
std::string csv_text(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += c;
    quoted += c;
  }
  return quoted + "\"";
}

void append(const std::vector<std::string>& more, std::vector<std::string>& fields) {
  fields.insert(fields.end(), more.begin(), more.end());
}

}  // namespace

AnswerLines::AnswerLines(std::vector<const Task*> tasks, AnswerOptions options)
    : tasks_(std::move(tasks)), options_(options) {
  check_label_rules(options_.labels, tasks_);
  if (!is_json() || tasks_.size() == 1) return;
  for (const Task* task : tasks_) {
    if (options_.ids && task->name == kId) {
      fail_usage("--format: a task has the name \"id\", which is that of the ids in JSONL");
    }
    if (options_.errors && (task->name == kError || task->name == kLine)) {
      fail_usage("--on_error emit: a task has the name ", quote(task->name),
                 ", which is that of a part of errors in JSONL; take --format tsv");
    }
  }
}

std::vector<std::string> AnswerLines::names(const Task& task) const {
  const LabelRules& rules = options_.labels;
  std::vector<std::string> names =
      rules.top_k ? top_names(task, rules) : kind_of(task).field_names();
  if (tasks_.size() == 1) return names;
  for (std::string& name : names) name = concat(task.name, ".", name);
  return names;
}

std::vector<std::string> AnswerLines::fields(const Task& task, const Prediction& prediction) const {
  const LabelRules& rules = options_.labels;
  return rules.top_k ? top_fields(task, prediction, rules) : kind_of(task).fields(task, prediction);
}

/// Id, fields and error as a line of columns.
std::string AnswerLines::row(const std::string& id, std::vector<std::string> fields,
                             const std::string& error) const {
  const bool csv = options_.format == AnswerFormat::kCsv;
  if (options_.ids) fields.insert(fields.begin(), csv ? id : tsv_text(id));
  if (options_.errors) fields.push_back(tsv_text(error));
  if (!csv) return join(fields, "\t") + "\n";
  for (std::string& field : fields) field = csv_text(field);
  return join(fields, ",") + "\n";
}

std::string AnswerLines::header() const {
  if (is_json() || (options_.format == AnswerFormat::kTsv && tasks_.size() == 1)) return "";
  std::vector<std::string> columns;
  for (const Task* task : tasks_) append(names(*task), columns);
  return row(kId, std::move(columns), kError);
}

std::string AnswerLines::line(const std::string& id, const Prediction* predictions) const {
  if (is_json()) return json_line(id, predictions);
  std::vector<std::string> columns;
  for (size_t i = 0; i < tasks_.size(); ++i) append(fields(*tasks_[i], predictions[i]), columns);
  return row(id, std::move(columns), "");
}

std::string AnswerLines::json_line(const std::string& id, const Prediction* predictions) const {
  const LabelRules& rules = options_.labels;
  OrderedJson object;
  if (options_.ids) object[kId] = id;
  for (size_t i = 0; i < tasks_.size(); ++i) {
    const Task& task = *tasks_[i];
    OrderedJson answer = rules.top_k ? top_json(task, predictions[i], rules)
                                     : kind_of(task).to_json(task, predictions[i]);
    if (tasks_.size() > 1) {
      object[task.name] = std::move(answer);
    } else {
      object.update(answer);
    }
  }
  return json_text(object, -1) + "\n";
}

std::string AnswerLines::error_line(const BadRow& bad) const {
  const std::string error = one_line(bad.error);
  if (is_json()) {
    const OrderedJson object = {{kError, error}, {kLine, bad.line}};
    return json_text(object, -1) + "\n";
  }
  std::vector<std::string> columns;
  for (const Task* task : tasks_) append(names(*task), columns);
  for (std::string& column : columns) column.clear();
  return row("", std::move(columns), error);
}

}  // namespace pals

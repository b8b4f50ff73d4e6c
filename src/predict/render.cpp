#include "predict/render.h"

#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/text_util.h"
#include "kinds/kind.h"
#include "kinds/tsv_text.h"

namespace pals {
namespace {

constexpr const char* kId = "id";

std::string prediction_to_tsv(const Task& task, const Prediction& prediction) {
  return join(kind_of(task).fields(task, prediction), "\t");
}

/// The columns of prediction_to_tsv under the task's name: "sst.label<tab>sst.probability".
std::string tsv_columns(const Task& task) {
  std::vector<std::string> columns;
  for (const std::string& name : kind_of(task).field_names()) {
    columns.push_back(concat(task.name, ".", name));
  }
  return join(columns, "\t");
}

}  // namespace

AnswerLines::AnswerLines(std::vector<const Task*> tasks, bool ids, bool json)
    : tasks_(std::move(tasks)), ids_(ids), json_(json) {
  for (const Task* task : tasks_) {
    if (json_ && ids_ && tasks_.size() > 1 && task->name == kId) {
      fail_usage("--format: a task has the name \"id\", which is that of the ids in JSONL");
    }
  }
}

template <typename Field>
std::string AnswerLines::joined(const std::string& id, const Field& field) const {
  std::vector<std::string> fields;
  if (ids_) fields.push_back(tsv_text(id));
  for (size_t i = 0; i < tasks_.size(); ++i) fields.push_back(field(*tasks_[i], i));
  return join(fields, "\t") + "\n";
}

std::string AnswerLines::header() const {
  if (json_ || tasks_.size() == 1) return "";
  return joined(kId, [](const Task& task, size_t) { return tsv_columns(task); });
}

std::string AnswerLines::line(const std::string& id, const Prediction* predictions) const {
  if (!json_) {
    return joined(
        id, [&](const Task& task, size_t i) { return prediction_to_tsv(task, predictions[i]); });
  }
  OrderedJson object;
  if (ids_) object[kId] = id;
  for (size_t i = 0; i < tasks_.size(); ++i) {
    OrderedJson answer = kind_of(*tasks_[i]).to_json(*tasks_[i], predictions[i]);
    if (tasks_.size() > 1) {
      object[tasks_[i]->name] = std::move(answer);
    } else {
      object.update(answer);
    }
  }
  return json_text(object, -1) + "\n";
}

}  // namespace pals

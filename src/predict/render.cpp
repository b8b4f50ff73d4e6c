#include "predict/render.h"

#include <utility>

#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

constexpr const char* kId = "id";

OrderedJson answer_to_json(const Task& task, const PredictedAnswer& answer) {
  OrderedJson json = {
      {"answer", answer.text}, {"probability", answer.probability}, {"score", answer.score}};
  if (task.span.unanswerable) json["null_odds"] = answer.null_odds;
  return json;
}

}  // namespace

std::string tsv_text(std::string text) {
  for (char& c : text) {
    if (c == '\t' || c == '\n' || c == '\r') c = ' ';
  }
  return text;
}

OrderedJson prediction_to_json(const Task& task, const Prediction& prediction) {
  if (task.kind == TaskKind::kRegression) return {{"value", prediction.value}};
  if (task.kind == TaskKind::kSpan) return answer_to_json(task, prediction.answer);
  if (task.kind == TaskKind::kMultipleChoice) {
    return {{"choice", prediction.label}, {"probabilities", prediction.probabilities}};
  }
  OrderedJson probabilities;
  for (size_t i = 0; i < task.labels.size(); ++i) {
    probabilities[task.labels[i]] = prediction.probabilities[i];
  }
  return {{"label", task.labels[static_cast<size_t>(prediction.label)]},
          {"probabilities", std::move(probabilities)}};
}

std::string prediction_to_tsv(const Task& task, const Prediction& prediction) {
  if (task.kind == TaskKind::kRegression) return format_double(prediction.value, 4);
  if (task.kind == TaskKind::kSpan) {
    const PredictedAnswer& answer = prediction.answer;
    return concat(tsv_text(answer.text), "\t", format_double(answer.probability, 4), "\t",
                  format_double(answer.score, 4));
  }
  const auto label = static_cast<size_t>(prediction.label);
  const bool choice = task.kind == TaskKind::kMultipleChoice;
  return concat(choice ? std::to_string(label) : tsv_text(task.labels[label]), "\t",
                format_double(prediction.probabilities[label], 4));
}

std::string tsv_columns(const Task& task) {
  const std::string& name = task.name;
  switch (task.kind) {
    case TaskKind::kRegression:
      return name + ".value";
    case TaskKind::kSpan:
      return concat(name, ".answer\t", name, ".probability\t", name, ".score");
    case TaskKind::kMultipleChoice:
      return concat(name, ".choice\t", name, ".probability");
    case TaskKind::kClassification:
      break;
  }
  return concat(name, ".label\t", name, ".probability");
}

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
    OrderedJson answer = prediction_to_json(*tasks_[i], predictions[i]);
    if (tasks_.size() > 1) {
      object[tasks_[i]->name] = std::move(answer);
    } else {
      object.update(answer);
    }
  }
  return json_text(object, -1) + "\n";
}

}  // namespace pals

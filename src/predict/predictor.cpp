#include "predict/predictor.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text_util.h"
#include "eval/scores.h"
#include "predict/windows.h"

namespace pals {
namespace {

std::vector<std::string> names_of(const std::vector<Task>& tasks) {
  std::vector<std::string> names;
  for (const Task& task : tasks) names.push_back(task.name);
  return names;
}

/// A label in a TSV field.
std::string tsv_text(std::string text) {
  for (char& c : text) {
    if (c == '\t' || c == '\n' || c == '\r') c = ' ';
  }
  return text;
}

}  // namespace

Prediction make_prediction(const Task& task, std::span<const float> logits) {
  Prediction prediction;
  if (task.kind == TaskKind::kRegression) {
    prediction.value = reported_value(task, static_cast<double>(logits.front()));
    return prediction;
  }
  const auto best = std::ranges::max_element(logits);
  prediction.label = static_cast<int32_t>(best - logits.begin());
  double sum = 0.0;
  for (const float logit : logits) {
    prediction.probabilities.push_back(std::exp(static_cast<double>(logit) - *best));
    sum += prediction.probabilities.back();
  }
  for (double& probability : prediction.probabilities) probability /= sum;
  return prediction;
}

OrderedJson prediction_to_json(const Task& task, const Prediction& prediction) {
  if (task.kind == TaskKind::kRegression) return {{"value", prediction.value}};
  OrderedJson probabilities;
  for (size_t i = 0; i < task.labels.size(); ++i) {
    probabilities[task.labels[i]] = prediction.probabilities[i];
  }
  return {{"label", task.labels[static_cast<size_t>(prediction.label)]},
          {"probabilities", std::move(probabilities)}};
}

std::string prediction_to_tsv(const Task& task, const Prediction& prediction) {
  if (task.kind == TaskKind::kRegression) return format_double(prediction.value, 4);
  const auto label = static_cast<size_t>(prediction.label);
  return concat(tsv_text(task.labels[label]), "\t",
                format_double(prediction.probabilities[label], 4));
}

std::string tsv_columns(const Task& task) {
  if (task.kind == TaskKind::kRegression) return task.name + ".value";
  return concat(task.name, ".label\t", task.name, ".probability");
}

int find_task(const std::vector<Task>& tasks, const std::string& name, const std::string& flag) {
  for (size_t i = 0; i < tasks.size(); ++i) {
    if (tasks[i].name == name) return static_cast<int>(i);
  }
  if (name.empty() && tasks.size() == 1) return 0;
  fail_usage(flag, ": ", name.empty() ? "missing" : concat("the model has no task ", quote(name)),
             "; its tasks: ", join(names_of(tasks), ", "));
}

std::vector<int> find_tasks(const std::vector<Task>& tasks, const std::string& names,
                            const std::string& flag) {
  std::vector<std::string> wanted;
  for (const std::string_view name : split(names, ',')) wanted.emplace_back(trim(name));
  if (names == "all") wanted = names_of(tasks);
  std::vector<int> found;
  for (const std::string& name : wanted) {
    const int task = find_task(tasks, name, flag);
    if (std::ranges::find(found, task) != found.end()) {
      fail_usage(flag, ": ", quote(name), " is named twice");
    }
    const TaskKind kind = tasks[static_cast<size_t>(task)].kind;
    if (kind != TaskKind::kClassification && kind != TaskKind::kRegression) {
      fail_usage(flag, ": task ", quote(name), " is of the kind ", kind_name(kind),
                 ", expected classification or regression");
    }
    found.push_back(task);
  }
  return found;
}

std::vector<Prediction> predict_window(const MultiTaskModel& model, const std::vector<Task>& all,
                                       const std::vector<int>& tasks, const FeatureSet& window,
                                       int64_t batch_size) {
  std::vector<Prediction> predictions(static_cast<size_t>(window.num_rows()) * tasks.size());
  for_each_batch(window, tasks, batch_size, [&](const PackedBatch& batch) {
    const MultiTaskModel::Output output = model.forward(batch);
    for (size_t s = 0; s < batch.segments.size(); ++s) {
      const Segment& segment = batch.segments[s];
      const Task& task = all[static_cast<size_t>(segment.task)];
      const auto width = static_cast<size_t>(output.logits[s].size(1));
      const float* logits = output.logits[s].const_data_ptr<float>();
      for (int64_t row = segment.first_row; row < segment.last_row; ++row, logits += width) {
        const auto place = static_cast<size_t>(batch.row_ids[static_cast<size_t>(row)]);
        predictions[place] = make_prediction(task, {logits, width});
      }
    }
  });
  return predictions;
}

}  // namespace pals

// What a model says of texts: labels with probabilities, or values, of one or several tasks.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "data/features.h"
#include "model/multi_task_model.h"
#include "predict/prediction.h"
#include "tasks/task.h"

namespace pals {

/// Softmax of a classification's logits; a regression's output times label_scale.
Prediction make_prediction(const Task& task, std::span<const float> logits);

/// {"label": ..., "probabilities": {...}} or {"value": ...}.
OrderedJson prediction_to_json(const Task& task, const Prediction& prediction);

/// "label<tab>probability" or "value", each number with 4 decimals.
std::string prediction_to_tsv(const Task& task, const Prediction& prediction);

/// The columns of prediction_to_tsv under the task's name: "sst.label<tab>sst.probability".
std::string tsv_columns(const Task& task);

/// The index of a task. An empty name means the only one. UsageError for an unknown name and where
/// a name is needed; `flag` stands in front.
int find_task(const std::vector<Task>& tasks, const std::string& name, const std::string& flag);

/// The indices of "a,b" in that order, or of all tasks for "all". UsageError as find_task, for a
/// task named twice, and for tasks that are neither classification nor regression.
std::vector<int> find_tasks(const std::vector<Task>& tasks, const std::string& names,
                            const std::string& flag);

/// Runs every row of the window for each of `tasks`, in batches that mix them. Returns rows x tasks
/// predictions, row by row.
std::vector<Prediction> predict_window(const MultiTaskModel& model, const std::vector<Task>& all,
                                       const std::vector<int>& tasks, const FeatureSet& window,
                                       int64_t batch_size);

}  // namespace pals

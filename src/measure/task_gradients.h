// How alike the gradients are that tasks give the parameters which they share.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "data/loader.h"
#include "model/multi_task_model.h"
#include "runlog/gradients.h"
#include "train/setup.h"

namespace pals {

/// Training batches of each task: [task][batch].
using TaskBatches = std::vector<std::vector<TrainingBatch>>;

/// At most `count` batches of each task, drawn by seed without a row coming twice: a task with
/// fewer in a pass over its rows has fewer.
TaskBatches draw_batches(const std::vector<FeaturesFuture>& features,
                         const TrainingLoaderOptions& options, int64_t count);

/// Compares the gradients of the tasks' mean losses over their batches, without dropout. The model
/// must be prepared for training; its gradients are others afterwards. Sums are fp32, cosines fp64.
/// The record lacks the tasks' names and the step. Error once `stop` is requested.
GradientRecord compare_gradients(MultiTaskModel& model, const TaskBatches& batches,
                                 const std::stop_token& stop = {});

/// The same for the model folder of a run with these options (its best model), on batches of its
/// training data, `count` for each task, computed in fp32. Throws as train() does before its first
/// step, and Error where the memory for the tasks' gradients is not free.
GradientRecord measure_gradients(const TrainOptions& options, const std::string& folder,
                                 int64_t count, const std::stop_token& stop);

}  // namespace pals

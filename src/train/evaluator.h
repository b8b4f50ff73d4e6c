// Runs a model over whole development sets, in batches that mix tasks.
#pragma once

#include <string>
#include <vector>

#include "data/feature_store.h"
#include "eval/scores.h"
#include "model/multi_task_model.h"

namespace pals {

/// One file to evaluate on.
struct EvaluationSet {
  int task = 0;       ///< index into the model's tasks
  std::string split;  ///< "dev", "dev_matched", ...
  FeaturesPtr features;
};

/// The head's outputs for each row of the sets, in order.
struct RowOutputs {
  std::vector<std::vector<float>> logits;  ///< a set each: rows x outputs of the task
  std::vector<double> losses;              ///< a set each: mean over its rows
};

/// Runs all rows. `label` is shown with the progress.
RowOutputs run_rows(const MultiTaskModel& model, const std::vector<EvaluationSet>& sets,
                    int64_t batch_size, const std::string& label);

/// The scores of every task that has sets, in task order.
std::vector<TaskScores> evaluate(const MultiTaskModel& model, const std::vector<Task>& tasks,
                                 const std::vector<EvaluationSet>& sets, int64_t batch_size);

}  // namespace pals

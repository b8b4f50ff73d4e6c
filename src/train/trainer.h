// A training run from start to finish: steps, evaluations, checkpoints, the best models.
#pragma once

#include <string>
#include <vector>

#include "eval/scores.h"
#include "train/options.h"
#include "train/setup.h"

namespace pals {

/// How many steps a run has and how they fall into epochs (reference-system, section 4).
struct StepPlan {
  int64_t total_steps = 0;
  int64_t steps_per_epoch = 0;
  int64_t num_epochs = 0;  ///< the last one may be shorter
};

/// Several tasks: an epoch has 300 x tasks steps, one task: a pass over its examples;
/// --steps_per_epoch and --max_steps say otherwise. With --max_steps alone the epochs share them
/// evenly.
StepPlan plan_steps(const TrainOptions& options, const std::vector<int64_t>& task_examples);

/// What a run ends with.
struct TrainResult {
  OrderedJson scores;  ///< the content of eval_results.json
  std::string table;   ///< the best model's scores for the terminal; empty without evaluation
};

/// Trains and evaluates as the options say; writes the run folder (docs/training.md). Goes on where
/// an interrupted run of the same options stopped.
TrainResult train(const TrainOptions& options);

}  // namespace pals

// A training run from start to finish: steps, evaluations, checkpoints, the best models.
#pragma once

#include <string>
#include <vector>

#include "eval/scores.h"
#include "settings/train_options.h"
#include "train/setup.h"

namespace pals {

/// What a run ends with.
struct TrainResult {
  OrderedJson scores;  ///< the content of eval_results.json
  std::string table;   ///< the best model's scores for the terminal; empty without evaluation
};

/// Trains and evaluates as the options say; writes the run folder (docs/training.md). Goes on where
/// an interrupted run of the same options stopped.
TrainResult train(const TrainOptions& options);

}  // namespace pals

// A training run from start to finish: steps, evaluations, checkpoints, the best models.
#pragma once

#include <stop_token>
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
/// an interrupted run of the same options stopped. Once `stop` is requested it writes a checkpoint
/// and throws Stopped.
TrainResult train(const TrainOptions& options, const std::stop_token& stop = {});

}  // namespace pals

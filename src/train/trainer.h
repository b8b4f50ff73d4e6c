// A training run from start to finish: steps, evaluations, checkpoints, the best models.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "runlog/records.h"
#include "settings/train_options.h"

namespace pals {

/// What a run ends with.
struct TrainResult {
  std::optional<ResultsRecord> scores;  ///< the content of eval_results.json, on rank 0
  std::string table;  ///< the best model's scores for the terminal; empty without evaluation
};

/// What is told of a run while it goes on; each may be left out. They are called from the thread
/// that trains, and what they throw ends the run.
struct TrainCallbacks {
  /// Messages, which then stay off stderr. From any thread, one at a time; it must not throw.
  std::function<void(const std::string& line)> log;
  /// On rank 0, in order; on a GPU in lots.
  std::function<void(const StepRecord& step, int64_t total_steps)> step;
  std::function<void(const EvaluationRecord& evaluation)> evaluation;
  /// The arguments that asked for the run, for its log.
  std::vector<std::string> command = {};
};

/// Trains and evaluates as the options say; writes the run folder (docs/training.md). Goes on where
/// an interrupted run of the same options stopped. Once `stop` is requested it writes a checkpoint
/// and throws Stopped.
TrainResult train(const TrainOptions& options, const std::stop_token& stop = {},
                  const TrainCallbacks& callbacks = {});

}  // namespace pals

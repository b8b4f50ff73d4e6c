// Training: `pals train` from a program.
#pragma once

#include <pals/error.h>
#include <pals/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>

namespace pals::api {

/// Options of `pals train` by their names without dashes, with values as on the command line:
/// {{"tasks", "rte,sst"}, {"max_steps", "500"}, {"freeze", "true"}}.
using TrainOptions = std::map<std::string, std::string>;

/// A task's metrics by name, and its "loss"; what is undefined has no value.
using TaskScores = std::map<std::string, std::optional<double>>;

/// Scores on the development sets.
struct Scores {
  int64_t step = 0;      ///< after which they were measured
  double average = 0.0;  ///< of the tasks' scores
  std::map<std::string, TaskScores> tasks;
};

/// How far a run is.
struct Progress {
  int64_t step = 0, total_steps = 0;  ///< steps done, and steps in all
  std::string task;                   ///< the task of the last step
  double loss = 0.0;                  ///< its mean over the step's rows
  double learning_rate = 0.0;
};

/// What is told of a run, from the thread that trains unless said otherwise; each may be left out.
/// What `step` and `evaluated` throw ends the run.
struct TrainCallbacks {
  /// The lines that would stand on stderr, one at a time, from any thread. It must not throw.
  std::function<void(const std::string& line)> log;
  /// In order, on the first rank; on a GPU in lots.
  std::function<void(const Progress& progress)> step;
  /// After each epoch of a run that trains.
  std::function<void(const Scores& scores)> evaluated;
  /// Once a stop is requested, the run writes a checkpoint and ends with Stopped; the same options
  /// go on from there.
  std::stop_token stop;
};

/// Trains and evaluates, and writes the run folder that the option output_dir names. Returns the
/// scores of the best model by average; nothing if nothing was evaluated, and on ranks other than
/// the first. Under mpirun or torchrun the program is a rank of the run, and only there may it have
/// several. One run of a process at a time. UsageError for options that are unknown, out of range
/// or contradict each other, Error for faults in files and data, Stopped once the run is stopped.
std::optional<Scores> train(const TrainOptions& options, const TrainCallbacks& callbacks = {});

}  // namespace pals::api

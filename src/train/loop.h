// The loop over a run's steps. It computes; whatever is kept of it is its caller's business.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/progress.h"
#include "data/loader.h"
#include "runlog/records.h"
#include "settings/train_options.h"
#include "train/data_parallel.h"
#include "train/run_clock.h"
#include "train/smoothed_loss.h"
#include "train/step_plan.h"
#include "train/task_board.h"

namespace pals {

/// What the loop calls, on every rank, between steps.
struct LoopCalls {
  std::function<void(int64_t step)> begin;  ///< an epoch begins with it
  /// The second phase goes on with it, for the first time in this process.
  std::function<void(int64_t step)> polish;
  std::function<void(const StepRecord&)> step;  ///< its loss is known
  /// At an epoch's end; false ends the run there, on all ranks.
  std::function<bool(int64_t steps_done, int64_t epoch)> epoch;
  std::function<void(int64_t steps_done)> save;  ///< time for a checkpoint
};

/// Error: a loss that is not finite, with what may help.
[[noreturn]] void fail_not_finite(const char* when, int64_t step, const std::string& task);

/// Stopped: the run has a checkpoint of so many steps, with how to go on.
[[noreturn]] void end_stopped(int64_t steps_done);

class TrainingLoop {
 public:
  /// `task_names`: in the model's order; `board`: what a terminal shows. All must outlive the loop.
  TrainingLoop(const World& world, const TrainOptions& options,
               const std::vector<std::string>& task_names, MultiTaskModel& model,
               const Optimizer& optimizer, DataParallel& parallel, const StepPlan& plan,
               RunClock& clock, const TaskBoard& board, LoopCalls calls);

  /// The batches of the steps, one after the other.
  using NextBatch = std::function<TrainingBatch()>;

  /// Takes the steps from `first_step` to the plan's end or to that of an epoch that is to be the
  /// last one, and returns how many steps are done then. A stop that any rank was told
  /// of ends it on all ranks after the same step: a checkpoint is saved and Stopped thrown.
  int64_t run(const NextBatch& next, int64_t first_step);

 private:
  /// A step whose loss was not read from the device yet.
  struct PendingStep {
    StepRecord record;
    at::Tensor sums;  ///< DataParallel::take_step
  };

  int64_t steps_ahead() const;
  TrainingBatch next_batch(const NextBatch& next);
  void take(const TrainingBatch& batch);
  void finish_steps(Progress& progress);
  [[noreturn]] void stop(int64_t steps_done, Progress& progress);

  const World& world_;
  const TrainOptions& options_;
  const std::vector<std::string>& task_names_;
  MultiTaskModel& model_;
  const Optimizer& optimizer_;
  DataParallel& parallel_;
  StepPlan plan_;
  RunClock& clock_;
  const TaskBoard& board_;
  LoopCalls calls_;
  std::vector<PendingStep> pending_;
  SmoothedLoss shown_loss_;
  bool stop_ = false, polishes_ = false;
};

}  // namespace pals

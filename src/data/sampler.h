// Which task a training step draws: a pure function of (seed, step).
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "options/choices.h"

namespace pals {

/// ceil(rows / batch_size): the steps of one pass over a task's rows.
int64_t steps_per_pass(int64_t rows, int64_t batch_size);

/// What is given with some samplings.
struct SamplingOdds {
  double alpha = 0.5;      ///< of kTemperature and kAuto
  int64_t cap = 0;         ///< of the same: rows beyond it do not count; 0: all do
  double min_share = 0.0;  ///< of any: no task's probability is below it
};

/// UsageError if not all of so many tasks can have odds.min_share.
void check_min_share(const SamplingOdds& odds, size_t num_tasks);

/// Draws one task for each optimizer step. Copies draw alike.
class TaskSampler {
 public:
  /// `sizes`: training rows of each task. An epoch has `steps_per_epoch` steps, or
  /// ceil(total_steps / num_epochs) for 0. Throws UsageError without tasks or epochs and for odds
  /// that cannot be, Error if a task has no rows.
  TaskSampler(Sampling sampling, std::vector<int64_t> sizes, uint64_t seed, int64_t total_steps,
              int64_t num_epochs, int64_t steps_per_epoch = 0, const SamplingOdds& odds = {});

  /// From `first_step` on each epoch is a pass over all tasks' rows: of the steps that it takes in
  /// batches of `batch_size`, in an order that depends on the seed alone. Returns their number.
  int64_t add_passes(int64_t first_step, int64_t batch_size);

  /// Of kAuto: by what the tasks' odds are multiplied in an epoch; those of epochs of which nobody
  /// says it, by 1. It must be known before the epoch's steps are drawn.
  void set_factors(int64_t epoch, std::vector<double> factors);

  /// The task of a step >= 0. Steps past the last epoch count into the last epoch.
  int task_at(int64_t step) const;

  /// The epoch of a step, in [0, num_epochs); of added passes from num_epochs on.
  int64_t epoch_at(int64_t step) const;

  /// The tasks' probabilities in an epoch; 1 / K each for round robin.
  std::vector<double> probabilities(int64_t epoch) const;

  const std::vector<int64_t>& sizes() const { return sizes_; }
  int num_tasks() const { return static_cast<int>(sizes_.size()); }

 private:
  double alpha(int64_t epoch) const;

  Sampling sampling_;
  std::vector<int64_t> sizes_;
  uint64_t seed_;
  int64_t num_epochs_;
  int64_t steps_per_epoch_;
  SamplingOdds odds_;
  std::vector<std::vector<double>> factors_;  ///< by epoch; empty: 1
  int64_t passes_from_ = std::numeric_limits<int64_t>::max();
  std::shared_ptr<const std::vector<int>> pass_;  ///< the tasks of its steps; null: none is added
};

}  // namespace pals

// Which task a training step draws: a pure function of (seed, step).
#pragma once

#include <cstdint>
#include <vector>

#include "options/choices.h"

namespace pals {

/// ceil(rows / batch_size): the steps of one pass over a task's rows.
int64_t steps_per_pass(int64_t rows, int64_t batch_size);

/// Draws one task for each optimizer step. Copies draw alike.
class TaskSampler {
 public:
  /// `sizes`: training rows of each task. An epoch has `steps_per_epoch` steps, or
  /// ceil(total_steps / num_epochs) for 0. Throws UsageError without tasks or epochs, Error if a
  /// task has no rows.
  TaskSampler(Sampling sampling, std::vector<int64_t> sizes, uint64_t seed, int64_t total_steps,
              int64_t num_epochs, int64_t steps_per_epoch = 0);

  /// The task of a step >= 0. Steps past the last epoch count into the last epoch.
  int task_at(int64_t step) const;

  /// The epoch of a step, in [0, num_epochs).
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
};

}  // namespace pals

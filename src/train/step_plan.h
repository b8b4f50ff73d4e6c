// How many steps a run has.
#pragma once

#include <cstdint>
#include <vector>

#include "settings/train_options.h"

namespace pals {

/// How many steps a run has and how they fall into epochs (reference-system, section 4).
struct StepPlan {
  int64_t total_steps = 0;
  int64_t steps_per_epoch = 0;
  int64_t num_epochs = 0;  ///< the last one may be shorter

  /// The number of the epoch that ends after so many steps, from 1.
  int64_t epochs_after(int64_t steps) const { return (steps - 1) / steps_per_epoch + 1; }
};

/// Several tasks: an epoch has 300 x tasks steps, with `own` tasks of a user as many as a pass over
/// all their examples; one task: a pass over its examples. --steps_per_epoch and --max_steps say
/// otherwise. With --max_steps alone the epochs share them evenly.
StepPlan plan_steps(const TrainOptions& options, const std::vector<int64_t>& task_examples,
                    bool own = false);

/// The plan with so many steps in each epoch.
StepPlan with_epochs_of(StepPlan plan, double epochs, int64_t steps_per_epoch);

}  // namespace pals

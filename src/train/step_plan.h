// How many steps a run has.
#pragma once

#include <cstdint>
#include <vector>

#include "settings/train_options.h"
#include "train/schedule.h"

namespace pals {

/// How many steps a run has and how they fall into epochs (reference-system, section 4).
struct StepPlan {
  int64_t total_steps = 0;
  int64_t steps_per_epoch = 0;
  int64_t num_epochs = 0;  ///< the last one of the first phase may be shorter

  /// The last epochs, and the steps of each, are a second phase, which polishes what is the tasks'
  /// own.
  int64_t polish_epochs = 0, polish_epoch_steps = 0;

  /// The steps of the first phase.
  int64_t first_steps() const { return total_steps - polish_epochs * polish_epoch_steps; }
  bool polishes(int64_t step) const { return step >= first_steps() && step < total_steps; }

  /// Whether an epoch ends after so many steps. The next one begins there.
  bool ends_epoch(int64_t steps) const;
  /// The number of steps at which the epoch of a step ends.
  int64_t epoch_end(int64_t step) const;
  /// The number of the epoch that ends after so many steps, from 1.
  int64_t epochs_after(int64_t steps) const;
  /// Where a step stands in its phase, each of which has a schedule.
  StepPosition position(int64_t step, int64_t task_step) const;
};

/// Several tasks: an epoch has 300 x tasks steps, with `own` tasks of a user as many as a pass over
/// all their examples; one task: a pass over its examples. --steps_per_epoch and --max_steps say
/// otherwise. With --max_steps alone the epochs share them evenly.
StepPlan plan_steps(const TrainOptions& options, const std::vector<int64_t>& task_examples,
                    bool own = false);

/// The plan with so many epochs at its end that polish, of so many steps each.
StepPlan with_polish(StepPlan plan, int64_t epochs, int64_t epoch_steps);

/// The plan with so many steps in each epoch.
StepPlan with_epochs_of(StepPlan plan, double epochs, int64_t steps_per_epoch);

}  // namespace pals

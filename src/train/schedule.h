// The learning rate's course over a run.
#pragma once

#include <cstdint>

#include "options/choices.h"

namespace pals {

/// Where an optimizer step stands.
struct StepPosition {
  int64_t step = 0;  ///< steps before this one of those that share a schedule
  int64_t total_steps = 1;
  int64_t task_step = 0;  ///< steps of the run before this one that drew the same task
};

/// s(x) of the reference's BERTAdam, x = step / total_steps: x / warmup below warm-up, then
/// 1 - x, (1 + cos(pi x)) / 2 or 1; never negative.
double schedule_factor(Schedule schedule, int64_t step, int64_t total_steps, double warmup);

}  // namespace pals

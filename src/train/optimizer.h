// BERTAdam over the arena: which tensors move in a step, and how fast.
#pragma once

#include <vector>

#include "nn/parameter_arena.h"
#include "train/schedule.h"

namespace pals {

struct OptimizerOptions {
  double learning_rate = 5e-5;
  /// Of projected attention's query, key and value; the same as learning_rate unless `--optim
  /// split`.
  double attention_learning_rate = 5e-5;
  double weight_decay = 0.01;
  double warmup_proportion = 0.1;
  Schedule schedule = Schedule::kWarmupLinear;
};

/// Moves the shared part and the drawn task; other tasks stand still, and the schedule goes by the
/// global step for all.
class Optimizer {
 public:
  explicit Optimizer(OptimizerOptions options) : options_(options) {}

  /// One step on the gradients in the arena. `step` counts the steps before this one.
  void step(ParameterArena& arena, int task, int64_t step, int64_t total_steps) const;

  /// The base rate in that step.
  double learning_rate(int64_t step, int64_t total_steps) const;

 private:
  OptimizerOptions options_;
};

}  // namespace pals

// BERTAdam over the arena: which tensors move in a step, and how fast.
#pragma once

#include <optional>
#include <vector>

#include "kernels/adam_ranges.h"
#include "parameters/parameter_arena.h"
#include "train/schedule.h"

namespace pals {

struct OptimizerOptions {
  double learning_rate = 5e-5;
  /// Of projected attention's query, key and value; the same as learning_rate unless `--optim
  /// split`.
  double attention_learning_rate = 5e-5;
  /// Of the rest of the tasks' adapters, and of their heads; not given: as learning_rate.
  std::optional<double> adapter_learning_rate = {}, head_learning_rate = {};
  /// Each layer of the shared encoder learns at this times the rate of the one above it, the
  /// embeddings at this times that of the first one.
  double layer_decay = 1.0;
  double weight_decay = 0.01;
  double warmup_proportion = 0.1;
  /// Divides the moments by 1 - beta^t (Kingma and Ba 2015, in the form at the end of section 2);
  /// t counts a task's own steps for its tensors, all steps for the shared ones.
  bool bias_correction = false;
  Schedule schedule = Schedule::kWarmupLinear;
};

/// Moves the shared part and the drawn task; other tasks stand still, and the schedule goes by the
/// global step for all.
class Optimizer {
 public:
  explicit Optimizer(OptimizerOptions options) : options_(options) {}

  /// One step on the gradients in the arena. `overflow`: see BertAdam.
  void step(ParameterArena& arena, int task, const StepPosition& position,
            const at::Tensor* overflow = nullptr) const;

  /// The same, of the parameters in these ranges only.
  void step(ParameterArena& arena, int task, const StepPosition& position,
            const std::vector<ArenaRange>& within, const at::Tensor* overflow = nullptr) const;

  /// What a step is to do to the parameters in these ranges.
  std::vector<AdamRange> ranges(const ParameterTable& table, int task, const StepPosition& position,
                                const std::vector<ArenaRange>& within) const;
  /// To all of them.
  std::vector<AdamRange> ranges(const ParameterTable& table, int task,
                                const StepPosition& position) const {
    return ranges(table, task, position, {{0, table.total()}});
  }

  /// The base rate in that step, that of the encoder's last layer and of the shared pooler.
  double learning_rate(int64_t step, int64_t total_steps) const;

 private:
  /// The highest rate of a parameter; `depth`: the largest of all rows.
  double highest_rate(const Parameter& row, int depth) const;

  OptimizerOptions options_;
};

}  // namespace pals

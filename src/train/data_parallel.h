// Training as one of many ranks: shares of batches, gradients, the state that checkpoints hold.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "data/loader.h"
#include "dist/gradient_reducer.h"
#include "dist/world.h"
#include "model/multi_task_model.h"
#include "runlog/records.h"
#include "settings/train_options.h"
#include "train/loss_scaler.h"
#include "train/optimizer.h"
#include "train/sharded_optimizer.h"

namespace pals {

/// As many threads as said, or for 0 as many as this rank has cores; alone, or where
/// OMP_NUM_THREADS says it, it stays at the default.
void set_threads(int threads, const World& world);

/// Throws Error on all ranks if a rank runs another program, on other kernels, with other options,
/// another model or other data (`data_keys`: a hash for each file). Options that each rank may have
/// to itself, such as a cache's folder, may differ.
void check_ranks(const World& world, const TrainOptions& options, const ParameterTable& table,
                 const std::vector<std::string>& data_keys);

/// The same on every rank, in the same order; alone it is the plain way of training. With an
/// `average_decay` above 0 the arena keeps an average (keep_average()), which follows each step.
class DataParallel {
 public:
  DataParallel(const World& world, MultiTaskModel& model, const Optimizer& optimizer,
               GradientType type, bool shard_optimizer, double average_decay = 0.0);

  /// A whole step on a batch: gradients zeroed, forward, backward, the optimizer. The sums that
  /// compute_gradients() gives, on the device. `before_update` sees them before the weights move,
  /// and may throw to prevent that; of a recorded step it is not called. For timings and the loop
  /// alike: nothing else zeroes gradients or moves weights.
  at::Tensor take_step(const TrainingBatch& batch, uint64_t seed, const StepPosition& position,
                       const std::function<void(const at::Tensor& sums)>& before_update = {});

  /// The parts of a step. Forward and backward of this rank's share of the batch; the gradients in
  /// the arena are then those of the whole (of a sharded optimizer, this rank's part of them). What
  /// the ranks found together, [2] fp64 on the device: the loss of the whole batch, and how many
  /// ranks were told to stop. With a position the optimizer's step may be taken along, where it is
  /// recorded with backward; step() then has nothing left to do.
  at::Tensor compute_gradients(const TrainingBatch& batch, uint64_t seed,
                               const StepPosition* position = nullptr);

  /// These on the CPU, [steps, 2]: waits for the device, which counts as the steps' time.
  at::Tensor wait_for(const std::vector<at::Tensor>& sums);

  /// The optimizer's step on the gradients in the arena.
  void step(int task, const StepPosition& position);

  /// Rank 0's weights, and with a state its moments and that state, to all.
  void share_state(std::optional<Json>& state);

  /// The state of the loss scaling in fp16, as a part of a checkpoint's; else null.
  Json scaler_state() const;

  /// Before rank 0 writes a checkpoint, and after: the moments that other ranks keep. Throws Error
  /// if the ranks' weights differ, as they must not.
  void gather_state();
  void release_state();

  /// How fast the `steps` steps since the start were, and what went between ranks: for people, and
  /// as the line of metrics.jsonl (docs/training.md).
  std::string speed_text(int64_t steps) const;
  SpeedRecord speed(int64_t steps) const;

 private:
  /// share_state() without the loss scaling.
  void share_arena(std::optional<Json>& state);
  /// The average after a step: of the shared part and of the drawn task.
  void move_average(int task, const StepPosition& position);
  at::Tensor run_share(const TrainingBatch& batch, uint64_t seed, const StepPosition* position);

  const World& world_;
  MultiTaskModel& model_;
  const Optimizer& optimizer_;
  std::vector<Shard> shards_;
  GradientReducer reducer_;
  std::optional<ShardedOptimizer> sharded_;
  std::optional<LossScaler> scaler_;  ///< in fp16
  bool stepped_ = false;              ///< compute_gradients() has taken the step
  double average_decay_;
  double seconds_ = 0.0;  ///< of all steps
};

}  // namespace pals

// Optimizer state spread over ranks (ZeRO-1): each moves its own parameters and keeps their
// moments.
#pragma once

#include <vector>

#include "dist/shards.h"
#include "dist/world.h"
#include "train/optimizer.h"

namespace pals {

/// Between steps all ranks have all weights, and each the moments of its shards alone; the others'
/// are zero and take no memory.
class ShardedOptimizer {
 public:
  ShardedOptimizer(const Optimizer& optimizer, const World& world, ParameterArena& arena,
                   std::vector<Shard> shards);

  /// Steps with this rank's gradients on this rank's shards, then all get all weights.
  void step(int task, const StepPosition& position, const at::Tensor* overflow = nullptr);

  /// Rank 0 gets all moments, to write them down; or gives each rank its own.
  void gather_moments();
  void scatter_moments();
  /// Forgets the moments of others' shards again.
  void release_moments();

  const Traffic& traffic() const { return traffic_; }  ///< of step()

 private:
  void move_moments(bool gather);

  const Optimizer& optimizer_;
  const World& world_;
  ParameterArena& arena_;
  std::vector<Shard> shards_;
  Traffic traffic_;
};

}  // namespace pals

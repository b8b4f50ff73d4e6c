#include "train/sharded_optimizer.h"

#include <utility>

namespace pals {

ShardedOptimizer::ShardedOptimizer(const Optimizer& optimizer, const World& world,
                                   ParameterArena& arena, std::vector<Shard> shards)
    : optimizer_(optimizer), world_(world), arena_(arena), shards_(std::move(shards)) {}

void ShardedOptimizer::step(int task, const StepPosition& position, const at::Tensor* overflow) {
  std::vector<ArenaRange> own;
  for (const Shard& shard : shards_) {
    if (shard.rank == world_.rank()) own.push_back(shard.range);
  }
  optimizer_.step(arena_, task, position, own, overflow);
  std::vector<std::pair<const Shard*, PendingWork>> pending;
  const bool shared_trains = arena_.table().shared_trains();
  for (const Shard& shard : shards_) {
    if (shard.owner == kSharedOwner ? !shared_trains : shard.owner != task) continue;
    const at::Tensor weights = arena_.weights().slice(0, shard.range.begin, shard.range.end);
    pending.emplace_back(&shard, world_.start_broadcast(weights, shard.rank));
    traffic_.bytes += weights.numel() * weights.element_size();
  }
  for (const auto& [shard, work] : pending) {
    world_.finish(work, traffic_);
    if (shard->rank != world_.rank()) arena_.refresh_shadow(shard->range);
  }
}

void ShardedOptimizer::move_moments(bool gather) {
  for (const Shard& shard : shards_) {
    if (shard.rank == 0) continue;
    for (const at::Tensor& buffer : {arena_.first_moment(), arena_.second_moment()}) {
      const at::Tensor part = buffer.slice(0, shard.range.begin, shard.range.end);
      const bool sends = world_.rank() == (gather ? shard.rank : 0);
      const bool receives = world_.rank() == (gather ? 0 : shard.rank);
      if (sends) world_.start_send(part, gather ? 0 : shard.rank)->wait();
      if (receives) world_.start_receive(part, gather ? shard.rank : 0)->wait();
    }
  }
}

void ShardedOptimizer::gather_moments() { move_moments(true); }

void ShardedOptimizer::scatter_moments() { move_moments(false); }

void ShardedOptimizer::release_moments() {
  for (const Shard& shard : shards_) {
    if (shard.rank != world_.rank()) arena_.release_moments(shard.range);
  }
}

}  // namespace pals

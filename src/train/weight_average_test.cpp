#include "train/weight_average.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "model/test_models.h"
#include "train/data_parallel.h"

namespace pals {
namespace {

constexpr double kDecay = 0.5;
constexpr int64_t kSteps = 12;

TrainingBatch batch_of(int64_t step) {
  constexpr int kTasks = 2;
  TrainingBatch batch{.step = step,
                      .task = static_cast<int>(step % kTasks),
                      .task_step = step / kTasks,
                      .num_examples = 4,
                      .micro_batches = {}};
  const auto rows = testing::tiny_rows(4, static_cast<uint64_t>(step));
  batch.micro_batches.push_back(testing::pack(testing::rows_of(rows, batch.task)));
  return batch;
}

double share(int64_t steps) {
  const auto t = static_cast<double>(steps);
  return 1.0 - std::min(kDecay, (1.0 + t) / (10.0 + t));
}

void expect_average(Frozen frozen, at::ScalarType type) {
  const auto plain =
      testing::tiny_model(testing::tiny_bert(), testing::tiny_adapters("pals"), type, frozen);
  MultiTaskModel kept(testing::tiny_bert(), testing::tiny_adapters("pals"), testing::tiny_heads(),
                      type, frozen);
  kept.arena().keep_average();
  kept.arena().prepare_training();
  kept.arena().weights().copy_(plain->arena().weights());
  kept.arena().average().copy_(plain->arena().weights());
  kept.arena().refresh_shadow();
  const World world;
  const Optimizer optimizer({.learning_rate = 1e-2});
  DataParallel averaged(world, kept, optimizer, GradientType::kFloat, false, kDecay);
  DataParallel usual(world, *plain, optimizer, GradientType::kFloat, false);
  at::Tensor expected = kept.arena().weights().to(at::kDouble);
  const ParameterTable& table = kept.arena().table();
  for (int64_t step = 0; step < kSteps; ++step) {
    const TrainingBatch batch = batch_of(step);
    const StepPosition position{step, kSteps, batch.task_step};
    averaged.take_step(batch, 42, position);
    usual.take_step(batch, 42, position);
    for (const int owner : {kSharedOwner, batch.task}) {
      const ArenaRange range = table.range(owner);
      const at::Tensor part = expected.slice(0, range.begin, range.end);
      const at::Tensor now = kept.arena().weights().slice(0, range.begin, range.end);
      part.add_((now - part) * share(owner == kSharedOwner ? step : batch.task_step));
    }
  }
  // The weights themselves do not know of it.
  EXPECT_TRUE(at::equal(kept.arena().weights(), plain->arena().weights()));
  EXPECT_TRUE(at::allclose(kept.arena().average().to(at::kDouble), expected, 1e-5, 1e-6));
  EXPECT_FALSE(at::equal(kept.arena().average(), kept.arena().weights()));
  if (frozen != Frozen::kAll) return;
  const ArenaRange shared = table.range(kSharedOwner);
  EXPECT_TRUE(at::equal(kept.arena().average().slice(0, shared.begin, shared.end),
                        kept.arena().weights().slice(0, shared.begin, shared.end)));
}

TEST(WeightAverage, FollowsWhatEachStepMoves) { expect_average(Frozen::kNothing, at::kFloat); }

TEST(WeightAverage, KeepsWhatIsFrozen) {
  expect_average(Frozen::kWeights, at::kFloat);
  expect_average(Frozen::kAll, at::kFloat);
}

TEST(WeightAverage, IsInPlaceForAsLongAsItIsUsed) {
  const auto plain = testing::tiny_model(testing::tiny_bert(), testing::tiny_adapters("none"));
  const at::Tensor weights = plain->arena().weights().clone();
  on_average(plain->arena(), [&] { EXPECT_TRUE(at::equal(plain->arena().weights(), weights)); });
  MultiTaskModel model(testing::tiny_bert(), testing::tiny_adapters("none"), testing::tiny_heads(),
                       at::kFloat);
  ParameterArena& arena = model.arena();
  arena.keep_average();
  arena.prepare_training();
  arena.weights().fill_(2.0);
  on_average(arena, [&] { EXPECT_EQ(arena.weights().max().item<float>(), 0.0F); });
  EXPECT_EQ(arena.weights().min().item<float>(), 2.0F);
  EXPECT_THROW(on_average(arena, [] { throw std::runtime_error("stopped"); }), std::runtime_error);
  EXPECT_EQ(arena.weights().min().item<float>(), 2.0F);
  EXPECT_EQ(arena.average().max().item<float>(), 0.0F);
  start_from_average(arena);
  EXPECT_EQ(arena.weights().max().item<float>(), 0.0F);
}

TEST(WeightAverage, IsOfTheMasterWeights) { expect_average(Frozen::kNothing, at::kBFloat16); }

}  // namespace
}  // namespace pals

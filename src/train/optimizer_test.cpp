#include "train/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <string>

namespace pals {
namespace {

constexpr int64_t kSize = 4;
constexpr float kGradient = 0.25F;  // of norm 0.5: below the clip

// Shared and two tasks' tensors, all weights 1 and all gradients kGradient.
ParameterArena make_arena(const std::function<void(ParameterTable&)>& change = nullptr) {
  ParameterTable table;
  table.add({.name = "dense.weight", .shape = {kSize}});
  table.add({.name = "dense.bias", .shape = {kSize}, .init = Init::kZero, .decay = false});
  table.add({.name = "norm.weight",
             .shape = {kSize},
             .init = Init::kOne,
             .decay = false,
             .layer_norm = true});
  for (int task = 0; task < 2; ++task) {
    const std::string prefix = "tasks." + std::to_string(task) + ".";
    table.add({.name = prefix + "query.weight",
               .shape = {kSize},
               .owner = task,
               .group = LearningRateGroup::kAttentionAdapter});
    table.add({.name = prefix + "up.weight", .shape = {kSize}, .owner = task});
  }
  if (change) change(table);
  table.lay_out();
  ParameterArena arena(std::move(table), at::kFloat);
  arena.prepare_training();
  arena.weights().fill_(1.0);
  arena.gradients().fill_(kGradient);
  return arena;
}

// How far the first element of a tensor went.
double moved(const ParameterArena& arena, const std::string& name) {
  const ParameterId id = arena.table().find(name);
  return 1.0 - static_cast<double>(arena.weight(id).data_ptr<float>()[0]);
}

// The first step's update without decay: m / (sqrt(v) + eps).
double first_update() {
  return 0.1 * kGradient / (std::sqrt(0.001 * kGradient * kGradient) + 1e-6);
}

TEST(Optimizer, MovesTheSharedPartAndTheDrawnTask) {
  ParameterArena arena = make_arena();
  const Optimizer optimizer({.learning_rate = 0.01, .attention_learning_rate = 0.01});
  optimizer.step(arena, 1, {50, 100});  // x = 0.5
  const double rate = 0.01 * 0.5;
  const double with_decay = rate * (first_update() + 0.01);
  EXPECT_NEAR(moved(arena, "dense.weight"), with_decay, 1e-6);
  EXPECT_NEAR(moved(arena, "tasks.1.up.weight"), with_decay, 1e-6);
  EXPECT_EQ(moved(arena, "tasks.0.up.weight"), 0.0);
  EXPECT_EQ(moved(arena, "tasks.0.query.weight"), 0.0);
  const ArenaRange other = arena.table().range(0);
  for (const at::Tensor& moment : {arena.first_moment(), arena.second_moment()}) {
    EXPECT_EQ(moment.slice(0, other.begin, other.end).abs().max().item<float>(), 0.0F);
    EXPECT_GT(moment.slice(0, 0, kSize).abs().max().item<float>(), 0.0F);
  }
}

TEST(Optimizer, MovesNothingOutsideTheGivenRanges) {
  ParameterArena arena = make_arena(), whole = make_arena();
  const Optimizer optimizer({.learning_rate = 0.01, .attention_learning_rate = 0.01});
  const ArenaRange own = arena.table().range(1);
  const int64_t bias = arena.table()[arena.table().find("dense.bias")].offset;
  optimizer.step(arena, 1, {50, 100}, {{bias, bias + kSize}, own});
  optimizer.step(whole, 1, {50, 100});
  for (const char* name : {"dense.bias", "tasks.1.query.weight", "tasks.1.up.weight"}) {
    EXPECT_EQ(moved(arena, name), moved(whole, name)) << name;
    EXPECT_NE(moved(arena, name), 0.0) << name;
  }
  EXPECT_EQ(moved(arena, "dense.weight"), 0.0);
  EXPECT_EQ(moved(arena, "norm.weight"), 0.0);
}

TEST(Optimizer, DoesNotDecayBiasesAndLayerNorms) {
  ParameterArena arena = make_arena();
  arena.gradients().zero_();
  const Optimizer optimizer({.learning_rate = 0.1, .warmup_proportion = 0.0});
  optimizer.step(arena, 0, {0, 10});
  EXPECT_NEAR(moved(arena, "dense.weight"), 0.1 * 0.01, 1e-6);
  EXPECT_EQ(moved(arena, "dense.bias"), 0.0);
  EXPECT_EQ(moved(arena, "norm.weight"), 0.0);
}

TEST(Optimizer, HasARateOfItsOwnForAttention) {
  ParameterArena arena = make_arena();
  const Optimizer optimizer(
      {.learning_rate = 1e-4, .attention_learning_rate = 3e-3, .warmup_proportion = 0.0});
  optimizer.step(arena, 0, {0, 10});
  EXPECT_NEAR(moved(arena, "tasks.0.query.weight") / moved(arena, "tasks.0.up.weight"), 30.0, 0.1);
  EXPECT_DOUBLE_EQ(optimizer.learning_rate(0, 10), 1e-4);
}

TEST(Optimizer, HasRatesOfTheirOwnForAdaptersAndHeads) {
  ParameterArena arena = make_arena([](ParameterTable& table) {
    table.set_group(table.find("tasks.0.query.weight"), LearningRateGroup::kAdapter);
    const ParameterId first = table.next();
    table.add({.name = "tasks.0.classifier.weight", .shape = {kSize}, .owner = 0});
    table.set_group(first, LearningRateGroup::kHead);
  });
  const Optimizer optimizer({.learning_rate = 1e-4,
                             .attention_learning_rate = 1e-4,
                             .adapter_learning_rate = 2e-3,
                             .head_learning_rate = 5e-4,
                             .warmup_proportion = 0.0});
  optimizer.step(arena, 0, {0, 10});
  const double base = moved(arena, "dense.weight");
  EXPECT_NEAR(moved(arena, "tasks.0.up.weight") / base, 20.0, 0.1);
  EXPECT_NEAR(moved(arena, "tasks.0.classifier.weight") / base, 5.0, 0.05);
  EXPECT_NEAR(moved(arena, "tasks.0.query.weight") / base, 1.0, 0.01);  // attention's
  EXPECT_DOUBLE_EQ(optimizer.learning_rate(0, 10), 1e-4);
}

TEST(Optimizer, RatesDecayDownTheEncoder) {
  ParameterArena arena = make_arena([](ParameterTable& table) {
    table.set_depth(0, 0);
    for (const int layer : {1, 2}) {
      const ParameterId first = table.next();
      table.add({.name = "layer." + std::to_string(layer), .shape = {kSize}});
      table.set_depth(first, layer);
    }
    const ParameterId pooler = table.next();
    table.add({.name = "pooler", .shape = {kSize}});
    table.set_depth(pooler, -1);
  });
  const Optimizer optimizer(
      {.learning_rate = 1e-2, .layer_decay = 0.5, .weight_decay = 0.0, .warmup_proportion = 0.0});
  std::map<std::string, float> rates;
  for (const AdamRange& range : optimizer.ranges(arena.table(), kSharedOwner, {0, 10})) {
    for (const Parameter& row : arena.table().rows()) {
      if (row.offset == range.offset) rates[row.name] = range.learning_rate;
    }
  }
  EXPECT_FLOAT_EQ(rates["dense.weight"], 0.0025F);  // embeddings
  EXPECT_FLOAT_EQ(rates["layer.1"], 0.005F);
  EXPECT_FLOAT_EQ(rates["layer.2"], 0.01F);
  EXPECT_FLOAT_EQ(rates["pooler"], 0.01F);
}

TEST(Optimizer, ScheduleGoesByTheGlobalStep) {
  ParameterArena arena = make_arena();
  const Optimizer optimizer({.learning_rate = 0.01, .attention_learning_rate = 0.01});
  optimizer.step(arena, 0, {0, 100});  // the first rate is 0
  EXPECT_EQ(moved(arena, "dense.weight"), 0.0);
  EXPECT_DOUBLE_EQ(optimizer.learning_rate(5, 100), 0.005);
  EXPECT_DOUBLE_EQ(optimizer.learning_rate(60, 100), 0.004);
  EXPECT_DOUBLE_EQ(optimizer.learning_rate(100, 100), 0.0);
  // A task drawn late for the first time moves at the rate of that step.
  optimizer.step(arena, 1, {60, 100});
  EXPECT_NEAR(moved(arena, "tasks.1.up.weight"), 0.004 * (first_update() + 0.01), 1e-6);
}

TEST(Optimizer, ClipsEachTensorByItself) {
  ParameterArena arena = make_arena();
  const ParameterId weight = arena.table().find("dense.weight");
  arena.gradient(weight).fill_(100.0);  // norm 200
  const Optimizer optimizer({.learning_rate = 0.01, .warmup_proportion = 0.0});
  optimizer.step(arena, 0, {0, 10});
  EXPECT_NEAR(arena.first_moment().data_ptr<float>()[arena.table()[weight].offset], 0.1 * 0.5,
              1e-6);
  const ParameterId bias = arena.table().find("dense.bias");
  EXPECT_NEAR(arena.first_moment().data_ptr<float>()[arena.table()[bias].offset], 0.1 * kGradient,
              1e-7);
}

// With bias correction, Adam's update under a constant gradient is the rate in every step.
TEST(Optimizer, CorrectsTheBiasOfTheMoments) {
  ParameterArena arena = make_arena();
  const Optimizer optimizer({.learning_rate = 0.01,
                             .weight_decay = 0.0,
                             .warmup_proportion = 0.0,
                             .bias_correction = true,
                             .schedule = Schedule::kWarmupConstant});
  for (int64_t step = 0; step < 6; ++step) {
    optimizer.step(arena, step < 4 ? 0 : 1, {step, 100, step < 4 ? step : step - 4});
  }
  EXPECT_NEAR(moved(arena, "dense.weight"), 6 * 0.01, 2e-5);
  EXPECT_NEAR(moved(arena, "tasks.0.up.weight"), 4 * 0.01, 2e-5);
  EXPECT_NEAR(moved(arena, "tasks.1.up.weight"), 2 * 0.01, 2e-5);
}

TEST(Optimizer, DecaysByTheUncorrectedRate) {
  ParameterArena arena = make_arena();
  arena.gradients().zero_();
  const Optimizer optimizer(
      {.learning_rate = 0.1, .warmup_proportion = 0.0, .bias_correction = true});
  optimizer.step(arena, 0, {0, 10});
  EXPECT_NEAR(moved(arena, "dense.weight"), 0.1 * 0.01, 1e-6);
}

TEST(Optimizer, LeavesFrozenTensors) {
  ParameterArena arena = make_arena([](ParameterTable& table) { table.freeze_shared(); });
  arena.gradients().fill_(kGradient);
  const Optimizer optimizer({.learning_rate = 0.01, .warmup_proportion = 0.0});
  optimizer.step(arena, 0, {0, 10});
  EXPECT_EQ(moved(arena, "dense.weight"), 0.0);
  EXPECT_EQ(moved(arena, "dense.bias"), 0.0);
  EXPECT_GT(moved(arena, "norm.weight"), 0.0);
  EXPECT_GT(moved(arena, "tasks.0.up.weight"), 0.0);
}

}  // namespace
}  // namespace pals

#include "parameters/parameter_arena.h"

#include <gtest/gtest.h>

#include "modules/linear.h"

namespace pals {
namespace {

ParameterTable make_table(int num_tasks) {
  ParameterTable table;
  const Linear qkv(table, "self.", {"query", "key", "value"}, 6, 4);
  const LayerNorm norm(table, "", 6);
  for (int task = 0; task < num_tasks; ++task) {
    const Linear head(table, "tasks." + std::to_string(task) + ".", {"classifier"}, 6, 3, {task});
  }
  table.lay_out();
  return table;
}

double deviation(const at::Tensor& x) { return x.pow(2).mean().sqrt().item<double>(); }

TEST(ParameterArena, InitialisesAsTheTableSays) {
  ParameterArena arena(make_table(1), at::kFloat);
  EXPECT_EQ(arena.weights().abs().max().item<float>(), 0.0F);
  arena.initialize(0.5, 1);
  const ParameterTable& table = arena.table();
  EXPECT_TRUE(at::equal(arena.weight(table.find("LayerNorm.weight")), at::ones({6})));
  EXPECT_TRUE(at::equal(arena.weight(table.find("LayerNorm.bias")), at::zeros({6})));
  EXPECT_TRUE(at::equal(arena.weight(table.find("self.key.bias")), at::zeros({4})));
  const at::Tensor query = arena.weight(table.find("self.query.weight"));
  EXPECT_EQ(query.sizes(), at::IntArrayRef({4, 6}));
  EXPECT_NEAR(deviation(query), 0.5, 0.25);
  EXPECT_FALSE(at::equal(query, arena.weight(table.find("self.key.weight"))));
}

TEST(ParameterArena, DrawsAreNormalWithTheGivenRange) {
  ParameterTable table;
  const Linear dense(table, "", {"dense"}, 300, 300);
  table.lay_out();
  ParameterArena arena(std::move(table), at::kFloat);
  arena.initialize(0.02, 7);
  const at::Tensor weight = arena.weight(0);
  EXPECT_NEAR(deviation(weight), 0.02, 0.02 * 0.02);
  EXPECT_NEAR(weight.mean().item<double>(), 0.0, 0.02 * 0.02);
  EXPECT_GT(weight.abs().max().item<double>(), 0.06);  // not truncated, not uniform
}

TEST(ParameterArena, InitialisationIsKeyedByNameAndSeed) {
  ParameterArena one(make_table(1), at::kFloat), three(make_table(3), at::kFloat);
  one.initialize(0.02, 5);
  three.initialize(0.02, 5);
  for (const Parameter& row : one.table().rows()) {
    EXPECT_TRUE(at::equal(one.weight(one.table().find(row.name)),
                          three.weight(three.table().find(row.name))))
        << row.name;
  }
  const at::Tensor before = one.weights().clone();
  one.initialize(0.02, 6);
  EXPECT_FALSE(at::equal(before, one.weights()));
  one.initialize(0.02, 5);
  EXPECT_TRUE(at::equal(before, one.weights()));
}

TEST(ParameterArena, FusedViewsAreTheRowsSideBySide) {
  ParameterArena arena(make_table(0), at::kFloat);
  arena.initialize(0.02, 5);
  const ParameterTable& table = arena.table();
  const ParameterId query = table.find("self.query.weight");
  const at::Tensor parts =
      at::cat({arena.weight(query), arena.weight(table.find("self.key.weight")),
               arena.weight(table.find("self.value.weight"))});
  EXPECT_TRUE(at::equal(arena.fused_weight(query, {12, 6}, at::kFloat), parts));
}

TEST(ParameterArena, GradientsAreThereOnlyForWhatTrains) {
  ParameterTable table = make_table(2);
  table.freeze_shared();
  ParameterArena arena(std::move(table), at::kFloat);
  const ParameterTable& rows = arena.table();
  EXPECT_FALSE(arena.gradient(rows.find("tasks.0.classifier.weight")).defined());
  arena.prepare_training();
  EXPECT_TRUE(arena.gradient(rows.find("tasks.0.classifier.weight")).defined());
  EXPECT_TRUE(arena.gradient(rows.find("LayerNorm.weight")).defined());
  EXPECT_FALSE(arena.gradient(rows.find("self.query.weight")).defined());
  EXPECT_FALSE(arena.fused_gradient(rows.find("self.query.weight"), {12, 6}).defined());
}

TEST(ParameterArena, ZeroesTheSharedPartAndOneTask) {
  ParameterArena arena(make_table(3), at::kFloat);
  arena.prepare_training();
  arena.gradients().fill_(1.0);
  arena.zero_gradients(1);
  for (const Parameter& row : arena.table().rows()) {
    const float expected = row.owner == kSharedOwner || row.owner == 1 ? 0.0F : 1.0F;
    const at::Tensor gradient = arena.gradient(arena.table().find(row.name));
    EXPECT_TRUE(at::equal(gradient, at::full(row.shape, expected))) << row.name;
  }
  // In one piece, with the padding behind the weight.
  const int64_t begin = arena.table().range(1).begin;
  EXPECT_TRUE(at::equal(arena.gradients().narrow(0, begin, 35), at::zeros({35})));
}

TEST(ParameterArena, ZeroesNoGradientsOfWhatStandsStill) {
  ParameterTable table = make_table(2);
  table.freeze_shared();
  ParameterArena arena(std::move(table), at::kFloat);
  arena.prepare_training();
  arena.gradients().fill_(1.0);
  arena.zero_gradients(0);
  for (const Parameter& row : arena.table().rows()) {
    const float expected = row.trainable && row.owner != 1 ? 0.0F : 1.0F;
    EXPECT_TRUE(at::equal(arena.gradients().narrow(0, row.offset, row.numel),
                          at::full({row.numel}, expected)))
        << row.name;
  }
}

TEST(ParameterArena, ShadowFollowsTheWeights) {
  ParameterArena plain(make_table(1), at::kFloat);
  EXPECT_FALSE(plain.shadow().defined());
  ParameterArena arena(make_table(1), at::kBFloat16);
  arena.initialize(0.02, 5);
  EXPECT_TRUE(at::equal(arena.shadow(), arena.weights().to(at::kBFloat16)));
  EXPECT_EQ(arena.weight(0).scalar_type(), at::kFloat);
  arena.weights().fill_(3.0);
  arena.refresh_shadow();
  EXPECT_TRUE(at::equal(arena.shadow(), arena.weights().to(at::kBFloat16)));
  arena.weights().fill_(5.0);
  arena.refresh_shadow({16, 20});
  EXPECT_TRUE(at::equal(arena.shadow().slice(0, 16, 20), at::full({4}, 5.0, at::kBFloat16)));
  EXPECT_EQ(arena.shadow()[15].item<float>(), 3.0F);
  EXPECT_EQ(arena.shadow()[20].item<float>(), 3.0F);
}

TEST(ParameterArena, ReleasedMomentsAreZeroAndTheOthersStay) {
  constexpr int64_t kPage = 1024;  // in elements
  ParameterTable table;
  table.add({.name = "a", .shape = {8 * kPage}});
  table.lay_out();
  ParameterArena arena(std::move(table), at::kFloat);
  arena.prepare_training();
  arena.first_moment().fill_(1.0);
  arena.second_moment().fill_(2.0);
  arena.release_moments({kPage + 100, 4 * kPage + 100});
  for (const auto& [moment, value] :
       {std::pair{arena.first_moment(), 1.0}, std::pair{arena.second_moment(), 2.0}}) {
    EXPECT_EQ(moment.slice(0, 2 * kPage, 4 * kPage).abs().max().item<float>(), 0.0F);
    EXPECT_EQ(moment.slice(0, 0, kPage + 100).min().item<double>(), value);
    EXPECT_EQ(moment.slice(0, 4 * kPage + 100).min().item<double>(), value);
  }
  arena.release_moments({5, 6});  // less than a page
  EXPECT_EQ(arena.first_moment()[5].item<float>(), 1.0F);
}

TEST(ParameterArena, AverageTakesTheWeightsPlaceAndGivesItBack) {
  ParameterArena plain(make_table(1), at::kBFloat16);
  plain.prepare_training();
  EXPECT_FALSE(plain.average().defined());
  ParameterArena arena(make_table(1), at::kBFloat16);
  arena.initialize(0.02, 5);
  arena.keep_average();
  arena.prepare_training();
  EXPECT_TRUE(at::equal(arena.average(), arena.weights()));
  const at::Tensor start = arena.weights().clone();
  arena.weights().add_(1.0);
  arena.move_average({16, 20}, 0.25);
  const at::Tensor moved = (arena.average() - start).slice(0, 16, 20);
  EXPECT_TRUE(at::allclose(moved, at::full({4}, 0.25)));
  EXPECT_TRUE(at::equal(arena.average().slice(0, 0, 16), start.slice(0, 0, 16)));
  const at::Tensor weights = arena.weights().clone(), average = arena.average().clone();
  arena.exchange_average();
  EXPECT_TRUE(at::equal(arena.weights(), average));
  EXPECT_TRUE(at::equal(arena.average(), weights));
  EXPECT_TRUE(at::equal(arena.shadow(), average.to(at::kBFloat16)));
  arena.exchange_average();
  EXPECT_TRUE(at::equal(arena.weights(), weights));
  EXPECT_TRUE(at::equal(arena.shadow(), weights.to(at::kBFloat16)));
}

}  // namespace
}  // namespace pals

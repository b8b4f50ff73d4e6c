#include "kernels/profile.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "kernels/panels.h"
#include "modules/linear.h"

namespace pals {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void wait(int milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

int64_t calls_of(const ProfileTimes& times, Block block) {
  return times.calls[static_cast<size_t>(block)];
}

TEST(Profile, AnInnerTimersTimeIsItsOwn) {
  const Clock::time_point start = Clock::now();
  start_profile();
  {
    const BlockTimer outer(Block::kOptimizer);
    wait(4);
    {
      const BlockTimer inner(Block::kData);
      wait(20);
    }
    const BlockTimer another(Block::kData);
    wait(2);
  }
  const double whole = seconds_since(start);
  const ProfileTimes times = stop_profile();
  EXPECT_GE(times.of(Block::kData), 0.022);
  EXPECT_GE(times.of(Block::kOptimizer), 0.004);
  EXPECT_LE(times.of(Block::kOptimizer), whole - 0.022);
  EXPECT_LE(times.total(), whole);
  EXPECT_EQ(calls_of(times, Block::kData), 2);
  EXPECT_EQ(calls_of(times, Block::kOptimizer), 1);
}

TEST(Profile, NothingIsKeptUnlessMeasured) {
  { const BlockTimer before(Block::kData); }
  start_profile();
  const ProfileTimes first = stop_profile();
  EXPECT_EQ(first.total(), 0.0);
  EXPECT_EQ(calls_of(first, Block::kData), 0);
  // A timer that began before the profile has no beginning to count from.
  {
    const BlockTimer across(Block::kData);
    start_profile();
  }
  EXPECT_EQ(calls_of(stop_profile(), Block::kData), 0);
}

TEST(Profile, ThreadsAddUp) {
  start_profile();
  const auto work = [] {
    for (int i = 0; i < 100; ++i) const BlockTimer timer(Product{.tokens = 2, .in = 3, .out = 5});
  };
  { const std::jthread one(work), two(work); }
  const ProfileTimes times = stop_profile();
  EXPECT_EQ(calls_of(times, Block::kProduct), 200);
  EXPECT_EQ(times.products.size(), 200U);
  EXPECT_EQ(times.products.front().flops(), 60.0);
}

TEST(Profile, SumsAdd) {
  ProfileTimes one, two;
  one.seconds[0] = 1.0;
  two.seconds[0] = 2.0;
  two.calls[1] = 3;
  two.products.push_back({});
  one += two;
  EXPECT_EQ(one.of(Block::kProduct), 3.0);
  EXPECT_EQ(one.calls[1], 3);
  EXPECT_EQ(one.products.size(), 1U);
}

// Every block of operations.h and every product of a dense layer counts for its kind.
class BlocksUnderProfile : public ::testing::TestWithParam<at::ScalarType> {
 protected:
  BlocksUnderProfile() {
    dense_ = Linear(table_, "dense.", {"part"}, kIn, kOut);
    table_.lay_out();
  }

  static constexpr int64_t kTokens = 6, kIn = 8, kOut = 12;
  ParameterTable table_;
  Linear dense_;
};

TEST_P(BlocksUnderProfile, ProductsAreWrittenDown) {
  ParameterArena arena(table_, GetParam());
  arena.prepare_training();
  const Pass pass{arena, GetParam(), {}, {}, nullptr};
  const at::Tensor x = at::ones({kTokens, kIn}, GetParam());
  const at::Tensor dy = at::ones({kTokens, kOut}, GetParam());
  at::Tensor dx = at::zeros({kTokens, kIn}, GetParam());
  const bool bf16 = GetParam() == at::kBFloat16;

  const Clock::time_point start = Clock::now();
  start_profile();
  dense_.product(pass, x);
  dense_.forward(pass, x);
  dense_.backward_weight(pass, dy, x);
  dense_.backward_bias(pass, dy);
  dense_.backward_input(pass, dy);
  dense_.backward_input_add(pass, dy, dx);
  const ProfileTimes times = stop_profile();
  const double whole = seconds_since(start);

  using enum ProductKind;
  std::vector<Product> expected;
  for (const ProductKind kind :
       {kForward, kForward, kWeightGradient, kInputGradient, kInputGradient}) {
    expected.push_back({kind, kTokens, kIn, kOut, bf16});
  }
  EXPECT_EQ(times.products, expected);
  EXPECT_EQ(calls_of(times, Block::kProduct), 5);
  // Products that LibTorch makes in bf16 are added to the gradient afterwards.
  EXPECT_EQ(calls_of(times, Block::kGradientSums),
            bf16 && !cpu::takes_panels(at::kBFloat16) ? 2 : 1);
  EXPECT_GT(times.of(Block::kProduct), 0.0);
  EXPECT_GT(times.of(Block::kGradientSums), 0.0);
  EXPECT_LE(times.total(), whole);
}

TEST_P(BlocksUnderProfile, EachBlockCountsForItsKind) {
  const at::Tensor keys = at::zeros({kTokens}, at::kInt);
  const at::Tensor ids = at::zeros({kTokens}, at::kInt);
  const at::Tensor bias = at::zeros({kIn}), gamma = at::ones({kIn}), table = at::zeros({4, kIn});
  const Dropout dropout{0.5F, 7};
  const AttentionRows rows{at::tensor({0, 2, 6}, at::kInt), 4, keys};
  const at::Tensor x = at::ones({kTokens, kIn}, GetParam());
  BiasActivation activation{.u = x, .bias = bias};
  BiasDropout dropped{.x = x, .bias = bias, .dropout = dropout, .token_keys = keys};
  AddLayerNorm sum{.z = x,
                   .bias = bias,
                   .gamma = gamma,
                   .beta = bias,
                   .epsilon = 1e-12,
                   .dropout = dropout,
                   .token_keys = keys,
                   .dx = at::empty_like(x)};
  AttentionHeads heads{.q = x, .k = x, .v = x, .num_heads = 2, .scale = 0.5};
  Attention attention{.heads = {&heads, 1}, .rows = rows};
  Embedding embedding{.token_ids = ids,
                      .position_ids = ids,
                      .token_type_ids = ids,
                      .word = table,
                      .position = table,
                      .token_type = table,
                      .out = x};
  const AdamRange range{0, 16, 0.1F, 0.0F};
  const at::Tensor flat = at::zeros({16});

  const Clock::time_point start = Clock::now();
  start_profile();
  bias_activation_forward(activation);
  activation.dy = dropped.dy = sum.dy = activation.y;
  bias_activation_backward(activation);
  bias_dropout_forward(dropped);
  bias_dropout_backward(dropped);
  add_layer_norm_forward(sum);
  add_layer_norm_backward(sum);
  attention_forward(attention);
  heads.d_context = heads.context;
  attention_backward(attention);
  embedding_forward(embedding);
  embedding_backward(embedding);
  add_column_sums(x, at::zeros({kIn}));
  accumulate(x, at::zeros({kTokens, kIn}));
  bert_adam({.ranges = {&range, 1},
             .weights = flat,
             .gradients = at::zeros({16}),
             .first_moment = at::zeros({16}),
             .second_moment = at::zeros({16})});
  const ProfileTimes times = stop_profile();
  const double whole = seconds_since(start);

  for (const Block block : {Block::kActivation, Block::kDropout, Block::kNormalisation,
                            Block::kAttention, Block::kEmbeddings, Block::kGradientSums}) {
    EXPECT_EQ(calls_of(times, block), 2) << block_name(block);
    EXPECT_GT(times.of(block), 0.0) << block_name(block);
  }
  EXPECT_EQ(calls_of(times, Block::kOptimizer), 1);
  EXPECT_EQ(calls_of(times, Block::kProduct), 0);
  EXPECT_LE(times.total(), whole);
}

INSTANTIATE_TEST_SUITE_P(Types, BlocksUnderProfile, ::testing::Values(at::kFloat, at::kBFloat16));

}  // namespace
}  // namespace pals

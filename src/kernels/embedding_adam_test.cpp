// Embedding and optimizer kernels against their plain versions.
#include <ATen/Parallel.h>

#include "kernels/kernel_test.h"

namespace pals {
namespace {

using testing::expect_close;
using testing::ints;
using testing::random;

class EmbeddingTest : public testing::KernelTest {};
INSTANTIATE_TEST_SUITE_P(Kernels, EmbeddingTest, testing::all_kernels(), testing::case_name);

TEST_P(EmbeddingTest, ForwardAndBackward) {
  for (const int64_t h : {7, 64, 204, 768}) {
    for (const int64_t tokens : {0, 1, 90}) {
      std::vector<int32_t> words, positions, types;
      for (int32_t t = 0; t < tokens; ++t) {
        words.push_back(t * 7 % 20);
        positions.push_back(t % 16);
        types.push_back(t & 1);
      }
      const at::Tensor word = random({20, h}, 1), position = random({16, h}, 2),
                       type_table = random({2, h}, 3);
      Embedding block{.token_ids = ints(words),
                      .position_ids = ints(positions),
                      .token_type_ids = ints(types),
                      .word = word,
                      .position = position,
                      .token_type = type_table,
                      .out = act({tokens, h}, 4)};
      Embedding expected = reference(block);
      embedding_forward(block);
      plain::embedding_forward(expected);
      expect_close(block.out, expected.out, is_fp32() ? 2e-7 : 8e-3, "embedding");

      block.out = expected.out = act({tokens, h}, 5);
      at::Tensor Embedding::*const gradients[] = {&Embedding::word, &Embedding::position,
                                                  &Embedding::token_type};
      for (const auto gradient : gradients) {
        block.*gradient = (block.*gradient).clone();
        expected.*gradient = (block.*gradient).to(at::kDouble);
      }
      embedding_backward(block);
      plain::embedding_backward(expected);
      for (const auto gradient : gradients) {
        expect_close(block.*gradient, expected.*gradient, 2e-6, "table gradient");
      }
      block.word = block.position = at::Tensor();
      embedding_backward(block);
    }
  }
}

TEST_P(EmbeddingTest, RefusesIdsOutsideTheTable) {
  if (is_cuda()) GTEST_SKIP() << "a GPU's tensors are not looked at";
  const at::Tensor table = random({4, 8}, 1);
  for (const int32_t id : {-1, 4}) {
    Embedding block{.token_ids = ints({id}),
                    .position_ids = ints({0}),
                    .token_type_ids = ints({0}),
                    .word = table,
                    .position = table,
                    .token_type = table,
                    .out = act({1, 8}, 2)};
    EXPECT_THROW(embedding_forward(block), c10::Error);
    std::swap(block.token_ids, block.position_ids);
    EXPECT_THROW(embedding_backward(block), c10::Error);
  }
}

/// Weights, a gradient and moments of zero.
BertAdam state_of(int64_t size) {
  return {.weights = random({size}, 1),
          .gradients = random({size}, 2),
          .first_moment = at::zeros({size}),
          .second_moment = at::zeros({size})};
}

class AdamTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override { testing::use_kernels(GetParam()); }
  void TearDown() override { testing::use_kernels(""); }
};
INSTANTIATE_TEST_SUITE_P(Kernels, AdamTest, ::testing::ValuesIn(testing::kernel_names()));

TEST_P(AdamTest, ThreeStepsOverRanges) {
  constexpr int64_t kSize = 1500000;
  // Small, unaligned, empty, and one that is both clipped and larger than a group; gaps stay as
  // they are.
  const std::vector<AdamRange> ranges = {{0, 5, 1e-3F, 0.01F},
                                         {5, 0, 1e-3F, 0.01F},
                                         {7, 70001, 1e-2F, 0.0F},
                                         {80000, 1300000, 3e-3F, 0.01F},
                                         {1400000, 100000, 0.0F, 0.01F}};
  BertAdam block = state_of(kSize);
  block.ranges = ranges;
  block.shadow = at::zeros({kSize}, at::kBFloat16);
  BertAdam expected = block;
  expected.weights = block.weights.to(at::kDouble);
  expected.first_moment = block.first_moment.to(at::kDouble);
  expected.second_moment = block.second_moment.to(at::kDouble);
  expected.shadow = block.shadow.clone();
  for (uint64_t step = 0; step < 3; ++step) {
    block.gradients = random({kSize}, 10 + step) * 1e-2;
    block.gradients.narrow(0, 0, 5).mul_(1e-2);  // below the norm that is clipped
    const at::Tensor kept = block.gradients.clone();
    expected.gradients = kept.to(at::kDouble);
    bert_adam(block);
    plain::bert_adam(expected);
    EXPECT_TRUE(at::equal(block.gradients, kept));
  }
  expect_close(block.weights, expected.weights, 1e-6, "weights");
  expect_close(block.first_moment, expected.first_moment, 2e-6, "first moment", 1e-9);
  expect_close(block.second_moment, expected.second_moment, 4e-6, "second moment", 1e-12);
  EXPECT_TRUE(at::equal(block.weights.narrow(0, 5, 2), random({kSize}, 1).narrow(0, 5, 2)));
  const at::Tensor rounded = block.weights.to(at::kBFloat16);
  EXPECT_TRUE(at::equal(block.shadow.narrow(0, 80000, 1300000), rounded.narrow(0, 80000, 1300000)));
  EXPECT_EQ(block.shadow[5].item<float>(), 0.0F);
}

// As recorded work has it: ranges in the device's memory, of which there may be more than these,
// and others when the work is done again.
TEST_P(AdamTest, PackedRangesAreTheRanges) {
  constexpr int64_t kSize = 60000, kMostRanges = 6, kMostChunks = 11;
  const std::vector<AdamRange> steps[] = {
      {{3, 20001, 1e-2F, 0.01F}, {20010, 0, 1e-2F, 0.0F}, {20016, 5, 1e-2F, 0.0F}},
      {{0, 8192, 3e-3F, 0.0F}, {8192, 30000, 1e-3F, 0.01F}, {40000, 16384, 1e-3F, 0.01F}},
      {{59999, 1, 1e-2F, 0.01F}},
      {}};
  BertAdam given = state_of(kSize), packed = state_of(kSize);
  given.shadow = at::zeros({kSize}, at::kBFloat16);
  packed.shadow = at::zeros({kSize}, at::kBFloat16);
  packed.chunks = kMostChunks;
  for (const std::vector<AdamRange>& ranges : steps) {
    given.gradients = packed.gradients = random({kSize}, 10 + ranges.size());
    given.ranges = ranges;
    packed.packed_ranges = at::tensor(packed_ranges(ranges, kMostRanges), at::kLong);
    EXPECT_EQ(packed.packed_ranges.numel(), kMostRanges * kPackedRangeWords);
    bert_adam(given);
    bert_adam(packed);
    EXPECT_TRUE(at::equal(given.weights, packed.weights));
    EXPECT_TRUE(at::equal(given.first_moment, packed.first_moment));
    EXPECT_TRUE(at::equal(given.second_moment, packed.second_moment));
    EXPECT_TRUE(at::equal(given.shadow, packed.shadow));
  }
  packed.packed_ranges = packed.packed_ranges.narrow(0, 0, 3);
  EXPECT_THROW(bert_adam(packed), c10::Error);
}

// As devices have it: matrices as rows with gaps, other ranges further on than in the arena.
TEST_P(AdamTest, ShadowHasRowsApart) {
  constexpr int64_t kSize = 20000, kRows = 45, kColumns = 204, kStride = 208;
  AdamRange rows = {3, kRows * kColumns, 1e-2F, 0.01F}, behind = {9300, 9001, 1e-2F, 0.0F};
  rows.shadow_shift = 13;
  rows.columns = kColumns;
  rows.shadow_stride = kStride;
  behind.shadow_shift = 740;
  const std::vector<AdamRange> ranges = {rows, behind};
  BertAdam block = state_of(kSize), plain = state_of(kSize);
  block.gradients = plain.gradients = random({kSize}, 10);
  block.ranges = plain.ranges = ranges;
  block.shadow = at::zeros({kSize}, at::kBFloat16);
  const std::vector<AdamRange> unshifted = {{3, kRows * kColumns, 1e-2F, 0.01F},
                                            {9300, 9001, 1e-2F, 0.0F}};
  plain.ranges = unshifted;
  plain.shadow = at::zeros({kSize}, at::kBFloat16);
  bert_adam(block);
  bert_adam(plain);
  EXPECT_TRUE(at::equal(block.weights, plain.weights));
  const at::Tensor lines = block.shadow.narrow(0, 16, kRows * kStride).view({kRows, kStride});
  EXPECT_TRUE(at::equal(lines.narrow(1, 0, kColumns),
                        plain.shadow.narrow(0, 3, kRows * kColumns).view({kRows, kColumns})));
  EXPECT_EQ(lines.narrow(1, kColumns, kStride - kColumns).abs().max().item<float>(), 0.0F);
  EXPECT_TRUE(at::equal(block.shadow.narrow(0, 10040, 9001), plain.shadow.narrow(0, 9300, 9001)));
  EXPECT_EQ(block.shadow.narrow(0, 0, 16).abs().max().item<float>(), 0.0F);
}

// Of recorded steps in fp16 on devices without kernels of their own.
TEST(PlainAdam, RoundsToTheShadowsType) {
  const std::vector<AdamRange> ranges = {{0, 100, 1e-2F, 0.01F}};
  for (const bool packs : {false, true}) {
    BertAdam block = state_of(100);
    block.shadow = at::zeros({100}, at::kHalf);
    block.chunks = 1;
    if (packs) {
      block.packed_ranges = at::tensor(packed_ranges(ranges, 1), at::kLong);
    } else {
      block.ranges = ranges;
    }
    bert_adam(block);
    EXPECT_TRUE(at::equal(block.shadow, block.weights.to(at::kHalf)));
  }
}

TEST_P(AdamTest, SameForAnyNumberOfThreads) {
  const std::vector<AdamRange> ranges = {{0, 100000, 1e-2F, 0.01F}, {100000, 33, 1e-2F, 0.0F}};
  const auto run = [&] {
    BertAdam block = state_of(100033);
    block.ranges = ranges;
    bert_adam(block);
    return block.weights;
  };
  const at::Tensor first = run();
  const int threads = at::get_num_threads();
  at::set_num_threads(threads == 1 ? 2 : 1);
  const at::Tensor second = run();
  at::set_num_threads(threads);
  EXPECT_TRUE(at::equal(first, second));
}

TEST_P(AdamTest, RefusesRangesOutsideTheBuffers) {
  for (const AdamRange& range : {AdamRange{-1, 2}, AdamRange{5, 6}, AdamRange{0, -1}}) {
    BertAdam block = state_of(10);
    block.ranges = {&range, 1};
    EXPECT_THROW(bert_adam(block), c10::Error);
  }
  AdamRange rows = {0, 10}, shifted = {0, 10}, uneven = {0, 10};
  rows.columns = 5;
  rows.shadow_stride = 8;
  shifted.shadow_shift = -1;
  uneven.columns = uneven.shadow_stride = 3;
  for (const AdamRange& range : {rows, shifted, uneven}) {
    BertAdam block = state_of(10);
    block.ranges = {&range, 1};
    block.shadow = at::zeros({15}, at::kBFloat16);
    EXPECT_THROW(bert_adam(block), c10::Error);
  }
}

}  // namespace
}  // namespace pals

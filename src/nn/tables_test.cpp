// Embedding and optimizer kernels against their plain versions.
#include <ATen/Parallel.h>

#include "nn/blocks_test_util.h"

namespace pals {
namespace {

using testing::expect_close;
using testing::ints;
using testing::random;

class TablesTest : public testing::KernelTest {};
INSTANTIATE_TEST_SUITE_P(Kernels, TablesTest, testing::all_kernels(), testing::case_name);

TEST_P(TablesTest, Embedding) {
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
      at::Tensor out = act({tokens, h}, 4);
      at::Tensor expected = reference(out);
      embedding_forward(ints(words), ints(positions), ints(types), word, position, type_table, out);
      plain::embedding_forward(ints(words), ints(positions), ints(types), parameter(word),
                               parameter(position), parameter(type_table), expected);
      expect_close(out, expected, is_fp32() ? 2e-7 : 8e-3, "embedding");

      const at::Tensor d_out = act({tokens, h}, 5);
      at::Tensor grads[] = {word.clone(), position.clone(), type_table.clone()};
      at::Tensor wanted[] = {word.to(at::kDouble), position.to(at::kDouble),
                             type_table.to(at::kDouble)};
      embedding_backward(d_out, ints(words), ints(positions), ints(types), grads[0], grads[1],
                         grads[2]);
      plain::embedding_backward(d_out, ints(words), ints(positions), ints(types), wanted[0],
                                wanted[1], wanted[2]);
      for (int i = 0; i < 3; ++i) {
        expect_close(grads[i], wanted[i], 2e-6, "table gradient");
      }
      embedding_backward(d_out, ints(words), ints(positions), ints(types), at::Tensor(),
                         at::Tensor(), grads[2]);
    }
  }
}

TEST_P(TablesTest, EmbeddingRefusesIdsOutsideTheTable) {
  if (is_cuda()) GTEST_SKIP() << "a GPU's tensors are not looked at";
  const at::Tensor table = random({4, 8}, 1);
  at::Tensor out = act({1, 8}, 2);
  for (const int32_t id : {-1, 4}) {
    EXPECT_THROW(embedding_forward(ints({id}), ints({0}), ints({0}), table, table, table, out),
                 c10::Error);
    EXPECT_THROW(embedding_backward(out, ints({0}), ints({id}), ints({0}), table, table, table),
                 c10::Error);
  }
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
  at::Tensor w = random({kSize}, 1), m = at::zeros({kSize}), v = at::zeros({kSize});
  at::Tensor shadow = at::zeros({kSize}, at::kBFloat16);
  at::Tensor rw = w.to(at::kDouble), rm = m.to(at::kDouble), rv = v.to(at::kDouble);
  at::Tensor rshadow = shadow.clone();
  for (uint64_t step = 0; step < 3; ++step) {
    at::Tensor g = random({kSize}, 10 + step) * 1e-2;
    g.narrow(0, 0, 5).mul_(1e-2);  // below the norm that is clipped
    const at::Tensor kept = g.clone();
    bert_adam_step(ranges, {}, w, g, m, v, shadow);
    plain::bert_adam_step(ranges, {}, rw, g.to(at::kDouble), rm, rv, rshadow);
    EXPECT_TRUE(at::equal(g, kept));
  }
  expect_close(w, rw, 1e-6, "weights");
  expect_close(m, rm, 2e-6, "first moment", 1e-9);
  expect_close(v, rv, 4e-6, "second moment", 1e-12);
  EXPECT_TRUE(at::equal(w.narrow(0, 5, 2), random({kSize}, 1).narrow(0, 5, 2)));
  const at::Tensor rounded = w.to(at::kBFloat16);
  EXPECT_TRUE(at::equal(shadow.narrow(0, 80000, 1300000), rounded.narrow(0, 80000, 1300000)));
  EXPECT_EQ(shadow[5].item<float>(), 0.0F);
}

// As recorded work has it: a table in the device's memory, made for more ranges than these, which
// may be others when the work is done again.
TEST_P(AdamTest, ATableIsItsRanges) {
  constexpr int64_t kSize = 60000, kMostRows = 6, kMostChunks = 11;
  const std::vector<AdamRange> steps[] = {
      {{3, 20001, 1e-2F, 0.01F}, {20010, 0, 1e-2F, 0.0F}, {20016, 5, 1e-2F, 0.0F}},
      {{0, 8192, 3e-3F, 0.0F}, {8192, 30000, 1e-3F, 0.01F}, {40000, 16384, 1e-3F, 0.01F}},
      {{59999, 1, 1e-2F, 0.01F}},
      {}};
  at::Tensor table;
  at::Tensor w[2], m[2], v[2], shadow[2];
  for (int i = 0; i < 2; ++i) {
    w[i] = random({kSize}, 1), m[i] = at::zeros({kSize}), v[i] = at::zeros({kSize});
    shadow[i] = at::zeros({kSize}, at::kBFloat16);
  }
  for (const std::vector<AdamRange>& ranges : steps) {
    const at::Tensor g = random({kSize}, 10 + ranges.size());
    const std::vector<int64_t> words = adam_table(ranges, kMostRows);
    table = at::tensor(words, at::kLong);
    EXPECT_EQ(table.numel(), kMostRows * kAdamRowWords);
    bert_adam_step(ranges, {}, w[0], g, m[0], v[0], shadow[0]);
    bert_adam_table_step(table, kMostChunks, {}, w[1], g, m[1], v[1], shadow[1]);
    for (const at::Tensor* pair : {w, m, v, shadow}) EXPECT_TRUE(at::equal(pair[0], pair[1]));
  }
  EXPECT_THROW(bert_adam_table_step(table.narrow(0, 0, 3), 1, {}, w[1], w[0], m[1], v[1], {}),
               c10::Error);
}

TEST_P(AdamTest, SameForAnyNumberOfThreads) {
  const std::vector<AdamRange> ranges = {{0, 100000, 1e-2F, 0.01F}, {100000, 33, 1e-2F, 0.0F}};
  const auto run = [&] {
    at::Tensor w = random({100033}, 1), m = at::zeros({100033}), v = at::zeros({100033});
    bert_adam_step(ranges, {}, w, random({100033}, 2), m, v, at::Tensor());
    return w;
  };
  const at::Tensor first = run();
  const int threads = at::get_num_threads();
  at::set_num_threads(threads == 1 ? 2 : 1);
  const at::Tensor second = run();
  at::set_num_threads(threads);
  EXPECT_TRUE(at::equal(first, second));
}

TEST_P(AdamTest, RefusesRangesOutsideTheBuffers) {
  at::Tensor w = at::zeros({10}), m = w.clone(), v = w.clone();
  for (const AdamRange& range : {AdamRange{-1, 2}, AdamRange{5, 6}, AdamRange{0, -1}}) {
    EXPECT_THROW(bert_adam_step({range}, {}, w, w, m, v, at::Tensor()), c10::Error);
  }
}

}  // namespace
}  // namespace pals

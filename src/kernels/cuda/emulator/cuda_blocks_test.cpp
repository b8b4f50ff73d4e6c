// What is particular to the CUDA kernels, on the emulator; the tests of the blocks
// (kernels/*_test.cpp) run on them as well.
#include <c10/util/Exception.h>

#include <cmath>

#include "kernels/cuda/emulator/emulator.h"
#include "kernels/kernel_test.h"

namespace pals {
namespace {

using testing::expect_close;
using testing::ints;
using testing::keys;
using testing::random;
using testing::use_kernels;

constexpr at::ScalarType kTypes[] = {at::kFloat, at::kBFloat16, at::kHalf};

class CudaBlocks : public ::testing::Test {
 protected:
  void SetUp() override { use_kernels(testing::kCudaEmulated); }
  void TearDown() override {
    emulator::set_order(emulator::Order::kAscending);
    use_kernels("");
  }
};

/// A matrix at an offset of `shift` elements in rows of `width`, between numbers that must stay.
struct Framed {
  at::Tensor all, view;
  Framed(const at::Tensor& x, int64_t shift, int64_t width)
      : all(at::full({x.size(0), width}, 77.0, x.options())),
        view(all.narrow(1, shift, x.size(1))) {
    view.copy_(x);
  }
  bool frame_is_whole() const {
    at::Tensor rest = all.clone();
    rest.narrow(1, view.storage_offset() - all.storage_offset(), view.size(1)).fill_(77.0);
    return at::equal(rest, at::full_like(all, 77.0));
  }
};

/// Rows of the given lengths of a batch; ids as in kernels/attention_test.cpp.
AttentionRows rows_of(const std::vector<int32_t>& lengths) {
  std::vector<int32_t> cu = {0}, token_keys;
  AttentionRows rows;
  for (size_t b = 0; b < lengths.size(); ++b) {
    cu.push_back(cu.back() + lengths[b]);
    rows.max_seqlen = std::max<int64_t>(rows.max_seqlen, lengths[b]);
    for (int32_t t = 0; t < lengths[b]; ++t) {
      token_keys.push_back(
          static_cast<int32_t>(dropout_token_key(static_cast<int64_t>(b) + 10, t)));
    }
  }
  rows.cu_seqlens = ints(cu);
  rows.token_keys = ints(token_keys);
  return rows;
}

/// One step from moments of zero; returns the first moment.
at::Tensor adam_step(const std::vector<AdamRange>& ranges, const at::Tensor& weights,
                     const at::Tensor& overflow = {}) {
  const BertAdam block{.ranges = ranges,
                       .weights = weights,
                       .gradients = random(weights.sizes(), 2),
                       .first_moment = at::zeros(weights.sizes()),
                       .second_moment = at::zeros(weights.sizes()),
                       .overflow = overflow};
  bert_adam(block);
  return block.first_moment;
}

TEST_F(CudaBlocks, EveryAlignmentOfRows) {
  const Dropout dropout = {0.25F, dropout_key(1, 2, 3)};
  for (const at::ScalarType type : kTypes) {
    for (const int64_t columns : {32, 36, 204}) {
      for (const auto& [shift, extra] : {std::pair{0, 0}, {8, 24}, {4, 12}, {1, 5}, {0, 1}}) {
        SCOPED_TRACE(::testing::Message() << c10::toString(type) << " " << columns << " columns at "
                                          << shift << " of " << columns + extra);
        const at::Tensor values = random({7, columns}, 1).to(type);
        Framed x(values, shift, columns + extra), y(at::zeros_like(values), shift, columns + extra);
        const at::Tensor gamma = random({columns}, 2);
        AddLayerNorm block{.z = x.view,
                           .bias = gamma,
                           .residual = values,
                           .extra = values,
                           .gamma = gamma,
                           .beta = random({columns}, 3),
                           .epsilon = 1e-12,
                           .dropout = dropout,
                           .token_keys = keys(7),
                           .y = y.view,
                           .mean = at::empty({7}),
                           .rstd = at::empty({7})};
        AddLayerNorm expected = block;
        expected.z = values.clone();
        expected.y = at::empty_like(values);
        add_layer_norm_forward(block);
        plain::add_layer_norm_forward(expected);
        expect_close(x.view, expected.z, type == at::kFloat ? 1e-6 : 8e-3, "z");
        expect_close(y.view, expected.y, type == at::kFloat ? 4e-6 : 2e-2, "y");
        EXPECT_TRUE(x.frame_is_whole() && y.frame_is_whole());

        BiasActivation activation{.u = x.view, .bias = gamma, .y = y.view};
        bias_activation_forward(activation);
        EXPECT_TRUE(x.frame_is_whole() && y.frame_is_whole());
        at::Tensor sums = at::zeros({columns});
        add_column_sums(x.view, sums);
        expect_close(sums, x.view.to(at::kDouble).sum(0), 1e-6, "sums");
      }
    }
  }
}

// Rows that no longer fit into registers, and the largest that do.
TEST_F(CudaBlocks, LayerNormOfLongRows) {
  for (const at::ScalarType type : kTypes) {
    for (const int64_t h : {768, 769, 776, 1024, 1032, 2051}) {
      for (const bool aligned : {true, false}) {
        SCOPED_TRACE(::testing::Message() << c10::toString(type) << " " << h);
        const bool fp32 = type == at::kFloat;
        const Dropout dropout = {0.1F, dropout_key(1, 2, 3)};
        const at::Tensor values = random({9, h}, 1).to(type), dy = random({9, h}, 2).to(type);
        const at::Tensor gamma = random({h}, 3);
        AddLayerNorm block{.z = aligned ? values.clone() : testing::strided(values),
                           .bias = gamma,
                           .residual = dy,
                           .gamma = gamma,
                           .beta = random({h}, 4),
                           .epsilon = 1e-12,
                           .dropout = dropout,
                           .token_keys = keys(9)};
        AddLayerNorm expected = block;
        expected.z = values.to(at::kDouble);
        expected.y = at::empty_like(expected.z);
        expected.mean = at::empty({9}, at::kDouble);
        expected.rstd = at::empty_like(expected.mean);
        add_layer_norm_forward(block);
        plain::add_layer_norm_forward(expected);
        expect_close(block.y, expected.y, fp32 ? 4e-6 : 2e-2, "y");
        for (at::Tensor AddLayerNorm::*gradient :
             {&AddLayerNorm::gamma_grad, &AddLayerNorm::beta_grad, &AddLayerNorm::bias_grad}) {
          block.*gradient = random({h}, 5);
        }
        block.dy = block.dz = dy.clone();
        block.dx = at::empty_like(dy);
        expected = testing::in_double(block);
        expected.dz = at::empty_like(expected.dy);
        expected.dx = at::empty_like(expected.dy);
        add_layer_norm_backward(block);
        plain::add_layer_norm_backward(expected);
        expect_close(block.dz, expected.dz, fp32 ? 4e-6 : 1e-2, "dz", 1.0);
        expect_close(block.dx, expected.dx, fp32 ? 4e-6 : 1e-2, "dx", 1.0);
        expect_close(block.gamma_grad, expected.gamma_grad, 5e-6, "sums", 1.0);
        expect_close(block.beta_grad, expected.beta_grad, 5e-6, "sums", 1.0);
        expect_close(block.bias_grad, expected.bias_grad, 5e-6, "sums", 1.0);
      }
    }
  }
}

TEST_F(CudaBlocks, MasksAreTheCpuKernels) {
  const Dropout dropout = {0.3F, dropout_key(7, 8, 9)};
  for (const int64_t columns : {1, 31, 64, 204}) {
    at::Tensor emulated = at::ones({40, columns}), cpu = emulated.clone();
    bias_dropout_forward({.x = emulated, .dropout = dropout, .token_keys = keys(40)});
    use_kernels("");
    bias_dropout_forward({.x = cpu, .dropout = dropout, .token_keys = keys(40)});
    use_kernels(testing::kCudaEmulated);
    EXPECT_TRUE(at::equal(emulated, cpu));
  }
  // Equal scores and the unit matrix as values: the context is the mask.
  const AttentionRows rows = rows_of({100, 17});
  for (const at::ScalarType type : kTypes) {
    const at::Tensor q = at::zeros({117, 256}, type);
    at::Tensor v = at::zeros({117, 256}, type);
    for (const auto& [first, length] : {std::pair{0, 100}, {100, 17}}) {
      for (const int64_t head : {0, 1}) {
        v.narrow(0, first, length).narrow(1, head * 128, length).copy_(at::eye(length));
      }
    }
    const auto context = [&] {
      AttentionHeads heads{.q = q, .k = q, .v = v, .num_heads = 2, .dropout = dropout};
      Attention block{.heads = {&heads, 1}, .rows = rows};
      attention_forward(block);
      return heads.context;
    };
    const at::Tensor emulated = context();
    use_kernels("");
    const at::Tensor cpu = context();
    use_kernels(testing::kCudaEmulated);
    EXPECT_TRUE(at::equal(emulated != 0, cpu != 0));
    EXPECT_LT((emulated == 0).to(at::kFloat).mean().item<float>(), 0.9F);
  }
}

// As recorded work has it: the key stands in memory, and may be another when the work is done
// again.
TEST_F(CudaBlocks, DropoutReadsItsKeyOnTheDevice) {
  for (const uint64_t seed : {1, 2}) {
    const uint64_t key = dropout_key(seed, 2, 3);
    at::Tensor x = at::ones({9, 50}), expected = x.clone();
    bias_dropout_forward({.x = x, .dropout = {0.3F, 99, &key}, .token_keys = keys(9)});
    bias_dropout_forward({.x = expected, .dropout = {0.3F, key}, .token_keys = keys(9)});
    EXPECT_TRUE(at::equal(x, expected));
  }
}

/// Attention forward and backward, and all that comes out of it.
std::vector<at::Tensor> attend(const at::Tensor& fused, const at::Tensor& d_context,
                               const AttentionRows& rows, int64_t num_heads,
                               const Dropout& dropout) {
  const int64_t width = fused.size(1) / 3;
  const auto part = [&](int64_t i) { return fused.narrow(1, i * width, width); };
  AttentionHeads heads{.q = part(0),
                       .k = part(1),
                       .v = part(2),
                       .num_heads = num_heads,
                       .scale = 1 / std::sqrt(static_cast<double>(width / num_heads)),
                       .dropout = dropout,
                       .d_context = d_context};
  Attention block{.heads = {&heads, 1}, .rows = rows};
  attention_forward(block);
  attention_backward(block);
  return {heads.context, heads.logsumexp, heads.dq, heads.dk, heads.dv};
}

/// Emulated attention against the plain version in double.
void check_attention(const std::vector<int32_t>& lengths, int64_t heads, int64_t head_size,
                     at::ScalarType type, float p) {
  SCOPED_TRACE(::testing::Message()
               << c10::toString(type) << " " << lengths.size() << " rows, first " << lengths[0]
               << ", " << heads << " x " << head_size << ", p " << p);
  const AttentionRows rows = rows_of(lengths);
  const int64_t tokens = rows.token_keys.numel(), width = heads * head_size;
  const Dropout dropout = {p, dropout_key(1, 2, 3)};
  const at::Tensor fused = random({tokens, 3 * width}, 1).to(type);
  const at::Tensor d_context = random({tokens, width}, 2).to(type);
  const std::vector<at::Tensor> got = attend(fused, d_context, rows, heads, dropout);
  set_backend(c10::DeviceType::CPU, &plain::backend());
  const std::vector<at::Tensor> want =
      attend(fused.to(at::kDouble), d_context.to(at::kDouble), rows, heads, dropout);
  use_kernels(testing::kCudaEmulated);
  const double bound = type == at::kFloat ? 1e-5 : type == at::kHalf ? 4e-3 : 2e-2;
  const char* names[] = {"context", "logsumexp", "dq", "dk", "dv"};
  for (size_t i = 0; i < 5; ++i) {
    expect_close(got[i], want[i], i == 1 ? 1e-5 : bound, names[i]);
  }
}

TEST_F(CudaBlocks, AttentionOfHeadSizes) {
  for (const at::ScalarType type : kTypes) {
    for (const int64_t head_size : {2, 8, 16, 17, 34, 40, 48, 64, 80, 96, 100, 128, 130}) {
      check_attention({5, 36, 1, 0, 70}, 2, head_size, type, 0.1F);
    }
  }
}

TEST_F(CudaBlocks, AttentionOfLongRows) {
  for (const at::ScalarType type : kTypes) {
    for (const int32_t length : {255, 256, 257, 511, 512}) {
      check_attention({length, 3}, 1, length % 2 == 0 ? 64 : 17, type, 0.1F);
    }
  }
}

// All that is summed over threads, blocks or steps; in both orders of the emulator's threads.
TEST_F(CudaBlocks, RepeatsBitForBitInAnyOrder) {
  const Dropout dropout = {0.1F, dropout_key(1, 1, 1)};
  const AttentionRows rows = rows_of({34, 130, 1, 64});
  for (const at::ScalarType type : kTypes) {
    const auto run = [&] {
      const at::Tensor fused = random({229, 3 * 68}, 1).to(type);
      const at::Tensor d_context = random({229, 68}, 2).to(type);
      std::vector<at::Tensor> results = attend(fused, d_context, rows, 2, dropout);
      const at::Tensor x = random({229, 204}, 1).to(type), sums = at::zeros({204});
      AddLayerNorm norm{.z = x,
                        .bias = random({204}, 2),
                        .gamma = random({204}, 4),
                        .beta = random({204}, 5),
                        .epsilon = 1e-12,
                        .dropout = dropout,
                        .token_keys = keys(229),
                        .dx = at::empty_like(x),
                        .gamma_grad = at::zeros({204}),
                        .beta_grad = at::zeros({204}),
                        .bias_grad = at::zeros({204})};
      add_layer_norm_forward(norm);
      norm.dy = norm.y;
      add_layer_norm_backward(norm);
      add_column_sums(x, sums);
      std::vector<int32_t> ids, types;
      for (int32_t t = 0; t < 229; ++t) {
        ids.push_back(t % 7 == 0 ? 1 : t % 50);
        types.push_back(t & 1);
      }
      const Embedding embedding{.token_ids = ints(ids),
                                .position_ids = ints(ids),
                                .token_type_ids = ints(types),
                                .word = at::zeros({50, 204}),
                                .position = at::zeros({50, 204}),
                                .token_type = at::zeros({2, 204}),
                                .out = norm.dx};
      embedding_backward(embedding);
      const at::Tensor weights = random({20000}, 1);
      adam_step({{3, 19000, 1e-2F, 0.01F}}, weights);
      results.insert(results.end(),
                     {norm.y, norm.dz, norm.dx, norm.gamma_grad, norm.beta_grad, norm.bias_grad,
                      sums, embedding.word, embedding.position, embedding.token_type, weights});
      return results;
    };
    const auto first = run();
    const auto second = run();
    emulator::set_order(emulator::Order::kDescending);
    const auto descending = run();
    emulator::set_order(emulator::Order::kAscending);
    for (size_t i = 0; i < first.size(); ++i) {
      EXPECT_TRUE(at::equal(first[i], second[i])) << i;
      EXPECT_TRUE(at::equal(first[i], descending[i])) << i << ": threads in another order";
    }
  }
}

// What lets the tests of the blocks run on a GPU: arguments go elsewhere, and results come back.
TEST_F(CudaBlocks, ComputedElsewhereTheyAreTheSame) {
  const Dropout dropout = {0.1F, dropout_key(1, 1, 1)};
  const AttentionRows rows = rows_of({20, 70});
  const auto run = [&] {
    const at::Tensor fused = random({90, 3 * 68}, 1).to(at::kBFloat16);
    std::vector<at::Tensor> results =
        attend(fused, random({90, 68}, 2).to(at::kBFloat16), rows, 2, dropout);
    const at::Tensor x = testing::strided(random({90, 50}, 1)), weights = random({300}, 1);
    AddLayerNorm norm{.z = x,
                      .bias = random({50}, 2),
                      .residual = x.clone(),
                      .gamma = random({50}, 4),
                      .beta = random({50}, 5),
                      .epsilon = 1e-12,
                      .dropout = dropout,
                      .token_keys = keys(90),
                      .dx = at::empty_like(x),
                      .gamma_grad = at::zeros({50})};
    add_layer_norm_forward(norm);
    norm.dy = norm.dz = norm.y.clone();
    add_layer_norm_backward(norm);
    adam_step({{3, 290, 1e-2F, 0.01F}}, weights);
    results.insert(results.end(),
                   {x, norm.y, norm.mean, norm.rstd, norm.dz, norm.dx, norm.gamma_grad, weights});
    return results;
  };
  const auto here = run();
  set_backend(c10::DeviceType::CPU, &backend_elsewhere(at::kCPU, cuda_emulated_backend()));
  const auto there = run();
  for (size_t i = 0; i < here.size(); ++i) EXPECT_TRUE(at::equal(here[i], there[i])) << i;
}

TEST_F(CudaBlocks, EmbeddingsOfManyEqualIds) {
  for (const at::ScalarType type : kTypes) {
    for (const int64_t types : {2, 6}) {
      constexpr int32_t kTokens = 700;
      std::vector<int32_t> words, positions, token_types;
      for (int32_t t = 0; t < kTokens; ++t) {
        words.push_back(t % 3 == 0 ? 5 : t % 90);
        positions.push_back(t % 20);
        token_types.push_back(t % 5 % static_cast<int32_t>(types));
      }
      const Embedding block{.token_ids = ints(words),
                            .position_ids = ints(positions),
                            .token_type_ids = ints(token_types),
                            .word = random({90, 68}, 2),
                            .position = random({20, 68}, 3),
                            .token_type = random({types, 68}, 4),
                            .out = testing::strided(random({kTokens, 68}, 1).to(type))};
      const Embedding expected = testing::in_double(block);
      embedding_backward(block);
      plain::embedding_backward(expected);
      expect_close(block.word, expected.word, 2e-6, "words");
      expect_close(block.position, expected.position, 2e-6, "positions");
      expect_close(block.token_type, expected.token_type, 2e-6, "token types");
    }
  }
}

TEST_F(CudaBlocks, IdsOutsideTheTablesAreNotANumber) {
  const at::Tensor table = random({4, 8}, 1);
  const Embedding block{.token_ids = ints({0, 4, -1}),
                        .position_ids = ints({0, 0, 0}),
                        .token_type_ids = ints({0, 0, 0}),
                        .word = table,
                        .position = table,
                        .token_type = table,
                        .out = at::empty({3, 8})};
  embedding_forward(block);
  EXPECT_TRUE(block.out[0].isfinite().all().item<bool>());
  EXPECT_TRUE(block.out.narrow(0, 1, 2).isnan().all().item<bool>());
  const Embedding gradients{.token_ids = ints({0, 4, -1}),
                            .position_ids = ints({9, -9, 3}),
                            .token_type_ids = ints({0, 4, -1}),
                            .word = at::zeros({4, 8}),
                            .position = at::zeros({4, 8}),
                            .token_type = at::zeros({4, 8}),
                            .out = at::ones({3, 8})};
  embedding_backward(gradients);
  for (const at::Tensor& gradient : {gradients.word, gradients.position, gradients.token_type}) {
    EXPECT_EQ(gradient.sum().item<float>(), 8.0F);
  }
}

TEST_F(CudaBlocks, OverflowLeavesTheParametersAsTheyAre) {
  for (const float value : {0.0F, 1.0F}) {
    const at::Tensor weights = random({300}, 1), before = weights.clone();
    const at::Tensor first_moment =
        adam_step({{0, 300, 1e-2F, 0.01F}}, weights, at::full({1}, value));
    EXPECT_EQ(at::equal(weights, before), value != 0.0F);
    EXPECT_EQ(at::equal(first_moment, at::zeros({300})), value != 0.0F);
  }
}

TEST_F(CudaBlocks, OptimizerTakesOtherRangesInEachStepAndWritesBothShadows) {
  for (const at::ScalarType type : {at::kBFloat16, at::kHalf}) {
    BertAdam block{.weights = random({30000}, 1),
                   .first_moment = at::zeros({30000}),
                   .second_moment = at::zeros({30000})};
    BertAdam expected = testing::in_double(block);
    block.shadow = at::zeros({30000}, type);
    expected.shadow = block.shadow.clone();
    for (uint64_t step = 0; step < 4; ++step) {
      // Two tasks in turn, and rates that change.
      const float rate = 1e-2F / static_cast<float>(step + 1);
      const std::vector<AdamRange> ranges = {{1, 20001, rate, 0.01F},
                                             {step % 2 == 0 ? 20002 : 25000, 5000, rate, 0.0F}};
      block.ranges = expected.ranges = ranges;
      block.gradients = random({30000}, 10 + step);
      expected.gradients = block.gradients.to(at::kDouble);
      bert_adam(block);
      plain::bert_adam(expected);
    }
    expect_close(block.weights, expected.weights, 1e-6, "weights");
    expect_close(block.second_moment, expected.second_moment, 4e-6, "second moment", 1e-12);
    EXPECT_TRUE(
        at::equal(block.shadow.narrow(0, 1, 20001), block.weights.narrow(0, 1, 20001).to(type)));
    EXPECT_EQ(block.shadow[0].item<float>(), 0.0F);
  }
}

}  // namespace
}  // namespace pals

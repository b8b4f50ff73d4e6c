// What is particular to the CUDA kernels, on the emulator; the tests of the blocks (nn/*_test.cpp)
// run on them as well.
#include <c10/util/Exception.h>

#include <cmath>

#include "nn/blocks_test_util.h"
#include "nn/cuda/emulator/emulator.h"

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

/// Rows of the given lengths of a batch; ids as in nn/attention_test.cpp.
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

TEST_F(CudaBlocks, EveryAlignmentOfRows) {
  const Dropout dropout = {0.25F, dropout_key(1, 2, 3)};
  for (const at::ScalarType type : kTypes) {
    for (const int64_t columns : {32, 36, 204}) {
      for (const auto& [shift, extra] : {std::pair{0, 0}, {8, 24}, {4, 12}, {1, 5}, {0, 1}}) {
        SCOPED_TRACE(::testing::Message() << c10::toString(type) << " " << columns << " columns at "
                                          << shift << " of " << columns + extra);
        const at::Tensor values = random({7, columns}, 1).to(type);
        Framed x(values, shift, columns + extra), y(at::zeros_like(values), shift, columns + extra);
        at::Tensor expected = values.clone(), mean, rstd;
        at::Tensor expected_y = at::empty_like(values), expected_mean = at::empty({7}),
                   expected_rstd = at::empty({7});
        const at::Tensor gamma = random({columns}, 2), beta = random({columns}, 3);
        dropout_add_layer_norm_forward(x.view, gamma, values, values, gamma, beta, 1e-12, dropout,
                                       keys(7), y.view, mean, rstd);
        plain::dropout_add_layer_norm_forward(expected, gamma, values, values, gamma, beta, 1e-12,
                                              dropout, keys(7), expected_y, expected_mean,
                                              expected_rstd);
        expect_close(x.view, expected, type == at::kFloat ? 1e-6 : 8e-3, "z");
        expect_close(y.view, expected_y, type == at::kFloat ? 4e-6 : 2e-2, "y");
        EXPECT_TRUE(x.frame_is_whole() && y.frame_is_whole());

        bias_activation_forward(Activation::kGelu, x.view, gamma, y.view);
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
        at::Tensor x = aligned ? values.clone() : testing::strided(values);
        at::Tensor z = values.to(at::kDouble), y, mean, rstd;
        const at::Tensor gamma = random({h}, 3), beta = random({h}, 4);
        at::Tensor ey = at::empty_like(z), em = at::empty({9}, at::kDouble),
                   er = at::empty_like(em);
        dropout_add_layer_norm_forward(x, gamma, dy, at::Tensor(), gamma, beta, 1e-12, dropout,
                                       keys(9), y, mean, rstd);
        plain::dropout_add_layer_norm_forward(z, gamma, dy, at::Tensor(), gamma, beta, 1e-12,
                                              dropout, keys(9), ey, em, er);
        expect_close(y, ey, fp32 ? 4e-6 : 2e-2, "y");
        at::Tensor dz = dy.clone(), dx = at::empty_like(dz);
        at::Tensor edz = at::empty_like(z), edx = at::empty_like(z);
        at::Tensor sums[3], wanted[3];
        for (int i = 0; i < 3; ++i) {
          sums[i] = random({h}, 5);
          wanted[i] = sums[i].to(at::kDouble);
        }
        dropout_add_layer_norm_backward(dz, x, mean, rstd, gamma, dropout, keys(9), dz, dx, sums[0],
                                        sums[1], sums[2]);
        plain::dropout_add_layer_norm_backward(
            dy.to(at::kDouble), x.to(at::kDouble), mean.to(at::kDouble), rstd.to(at::kDouble),
            gamma.to(at::kDouble), dropout, keys(9), edz, edx, wanted[0], wanted[1], wanted[2]);
        expect_close(dz, edz, fp32 ? 4e-6 : 1e-2, "dz", 1.0);
        expect_close(dx, edx, fp32 ? 4e-6 : 1e-2, "dx", 1.0);
        for (int i = 0; i < 3; ++i) expect_close(sums[i], wanted[i], 5e-6, "sums", 1.0);
      }
    }
  }
}

TEST_F(CudaBlocks, MasksAreTheCpuKernels) {
  const Dropout dropout = {0.3F, dropout_key(7, 8, 9)};
  for (const int64_t columns : {1, 31, 64, 204}) {
    at::Tensor emulated = at::ones({40, columns}), cpu = emulated.clone();
    bias_dropout_forward(emulated, at::Tensor(), dropout, keys(40));
    use_kernels("");
    bias_dropout_forward(cpu, at::Tensor(), dropout, keys(40));
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
    at::Tensor emulated, cpu, lse;
    attention_forward(q, q, v, rows, 2, 1.0, dropout, emulated, lse);
    use_kernels("");
    attention_forward(q, q, v, rows, 2, 1.0, dropout, cpu, lse);
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
    bias_dropout_forward(x, at::Tensor(), {0.3F, 99, &key}, keys(9));
    bias_dropout_forward(expected, at::Tensor(), {0.3F, key}, keys(9));
    EXPECT_TRUE(at::equal(x, expected));
  }
}

/// Attention forward and backward, and all that comes out of it.
struct AttentionResult {
  at::Tensor context, logsumexp, dq, dk, dv;
  std::vector<at::Tensor> all() const { return {context, logsumexp, dq, dk, dv}; }
};

AttentionResult attend(const at::Tensor& fused, const at::Tensor& d_context,
                       const AttentionRows& rows, int64_t heads, const Dropout& dropout) {
  const int64_t width = fused.size(1) / 3;
  const int64_t head_size = width / heads;
  const double scale = 1 / std::sqrt(static_cast<double>(head_size));
  const auto part = [&](int64_t i) { return fused.narrow(1, i * width, width); };
  AttentionResult result;
  attention_forward(part(0), part(1), part(2), rows, heads, scale, dropout, result.context,
                    result.logsumexp);
  attention_backward(d_context, part(0), part(1), part(2), result.context, result.logsumexp, rows,
                     heads, scale, dropout, result.dq, result.dk, result.dv);
  return result;
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
  const AttentionResult got = attend(fused, d_context, rows, heads, dropout);
  set_block_table(c10::DeviceType::CPU, &plain::block_table());
  const AttentionResult want =
      attend(fused.to(at::kDouble), d_context.to(at::kDouble), rows, heads, dropout);
  use_kernels(testing::kCudaEmulated);
  const double bound = type == at::kFloat ? 1e-5 : type == at::kHalf ? 4e-3 : 2e-2;
  const char* names[] = {"context", "logsumexp", "dq", "dk", "dv"};
  for (size_t i = 0; i < 5; ++i) {
    expect_close(got.all()[i], want.all()[i], i == 1 ? 1e-5 : bound, names[i]);
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
      std::vector<at::Tensor> results = attend(fused, d_context, rows, 2, dropout).all();
      at::Tensor x = random({229, 204}, 1).to(type), y, mean, rstd, dz, dx = at::empty_like(x),
                 gamma_grad = at::zeros({204}), beta_grad = at::zeros({204}),
                 bias_grad = at::zeros({204}), sums = at::zeros({204});
      dropout_add_layer_norm_forward(x, random({204}, 2), at::Tensor(), at::Tensor(),
                                     random({204}, 4), random({204}, 5), 1e-12, dropout, keys(229),
                                     y, mean, rstd);
      dropout_add_layer_norm_backward(y, x, mean, rstd, random({204}, 4), dropout, keys(229), dz,
                                      dx, gamma_grad, beta_grad, bias_grad);
      add_column_sums(x, sums);
      std::vector<int32_t> ids, types;
      for (int32_t t = 0; t < 229; ++t) {
        ids.push_back(t % 7 == 0 ? 1 : t % 50);
        types.push_back(t & 1);
      }
      at::Tensor word = at::zeros({50, 204}), position = at::zeros({50, 204}),
                 token_type = at::zeros({2, 204});
      embedding_backward(dx, ints(ids), ints(ids), ints(types), word, position, token_type);
      at::Tensor weights = random({20000}, 1), m = at::zeros({20000}), v = at::zeros({20000});
      bert_adam_step({{3, 19000, 1e-2F, 0.01F}}, {}, weights, random({20000}, 2), m, v,
                     at::Tensor());
      for (const at::Tensor& t : {y, dz, dx, gamma_grad, beta_grad, bias_grad, sums, word, position,
                                  token_type, weights}) {
        results.push_back(t);
      }
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
        attend(fused, random({90, 68}, 2).to(at::kBFloat16), rows, 2, dropout).all();
    at::Tensor x = testing::strided(random({90, 50}, 1)), y, mean, rstd, dz, dx = at::empty_like(x),
               sums = at::zeros({50});
    dropout_add_layer_norm_forward(x, random({50}, 2), x.clone(), at::Tensor(), random({50}, 4),
                                   random({50}, 5), 1e-12, dropout, keys(90), y, mean, rstd);
    dropout_add_layer_norm_backward(y, x, mean, rstd, random({50}, 4), dropout, keys(90), dz, dx,
                                    sums, at::Tensor(), at::Tensor());
    at::Tensor weights = random({300}, 1), m = at::zeros({300}), v = at::zeros({300});
    bert_adam_step({{3, 290, 1e-2F, 0.01F}}, {}, weights, random({300}, 2), m, v, at::Tensor());
    results.insert(results.end(), {x, y, mean, rstd, dz, dx, sums, weights, m, v});
    return results;
  };
  const auto here = run();
  set_block_table(c10::DeviceType::CPU, &blocks_elsewhere(at::kCPU, cuda_emulated_block_table()));
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
      const at::Tensor d_out = testing::strided(random({kTokens, 68}, 1).to(type));
      at::Tensor grads[] = {random({90, 68}, 2), random({20, 68}, 3), random({types, 68}, 4)};
      at::Tensor wanted[3];
      for (int i = 0; i < 3; ++i) wanted[i] = grads[i].to(at::kDouble);
      embedding_backward(d_out, ints(words), ints(positions), ints(token_types), grads[0], grads[1],
                         grads[2]);
      plain::embedding_backward(d_out, ints(words), ints(positions), ints(token_types), wanted[0],
                                wanted[1], wanted[2]);
      for (int i = 0; i < 3; ++i) expect_close(grads[i], wanted[i], 2e-6, "table");
    }
  }
}

TEST_F(CudaBlocks, IdsOutsideTheTablesAreNotANumber) {
  const at::Tensor table = random({4, 8}, 1);
  at::Tensor out = at::empty({3, 8});
  embedding_forward(ints({0, 4, -1}), ints({0, 0, 0}), ints({0, 0, 0}), table, table, table, out);
  EXPECT_TRUE(out[0].isfinite().all().item<bool>());
  EXPECT_TRUE(out.narrow(0, 1, 2).isnan().all().item<bool>());
  at::Tensor words = at::zeros({4, 8}), positions = at::zeros({4, 8}), types = at::zeros({4, 8});
  embedding_backward(at::ones({3, 8}), ints({0, 4, -1}), ints({9, -9, 3}), ints({0, 4, -1}), words,
                     positions, types);
  EXPECT_EQ(words.sum().item<float>(), 8.0F);
  EXPECT_EQ(positions.sum().item<float>(), 8.0F);
  EXPECT_EQ(types.sum().item<float>(), 8.0F);
}

TEST_F(CudaBlocks, OverflowLeavesTheParametersAsTheyAre) {
  for (const float value : {0.0F, 1.0F}) {
    const at::Tensor overflow = at::full({1}, value), before = random({300}, 1);
    at::Tensor w = before.clone(), m = at::zeros({300}), v = at::zeros({300});
    BertAdamOptions options;
    options.overflow = &overflow;
    bert_adam_step({{0, 300, 1e-2F, 0.01F}}, options, w, random({300}, 2), m, v, at::Tensor());
    EXPECT_EQ(at::equal(w, before), value != 0.0F);
    EXPECT_EQ(at::equal(m, at::zeros({300})), value != 0.0F);
  }
}

TEST_F(CudaBlocks, OptimizerTakesOtherRangesInEachStepAndWritesBothShadows) {
  for (const at::ScalarType type : {at::kBFloat16, at::kHalf}) {
    at::Tensor w = random({30000}, 1), m = at::zeros({30000}), v = at::zeros({30000});
    at::Tensor shadow = at::zeros({30000}, type);
    at::Tensor rw = w.to(at::kDouble), rm = m.to(at::kDouble), rv = v.to(at::kDouble);
    at::Tensor rshadow = shadow.clone();
    for (uint64_t step = 0; step < 4; ++step) {
      // Two tasks in turn, and rates that change.
      const float rate = 1e-2F / static_cast<float>(step + 1);
      const std::vector<AdamRange> ranges = {{1, 20001, rate, 0.01F},
                                             {step % 2 == 0 ? 20002 : 25000, 5000, rate, 0.0F}};
      const at::Tensor g = random({30000}, 10 + step);
      bert_adam_step(ranges, {}, w, g, m, v, shadow);
      plain::bert_adam_step(ranges, {}, rw, g.to(at::kDouble), rm, rv, rshadow);
    }
    expect_close(w, rw, 1e-6, "weights");
    expect_close(v, rv, 4e-6, "second moment", 1e-12);
    EXPECT_TRUE(at::equal(shadow.narrow(0, 1, 20001), w.narrow(0, 1, 20001).to(type)));
    EXPECT_EQ(shadow[0].item<float>(), 0.0F);
  }
}

}  // namespace
}  // namespace pals

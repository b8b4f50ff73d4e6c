// Attention kernels against the plain version, and the plain version against finite differences.
#include <ATen/Parallel.h>

#include <cmath>

#include "kernels/kernel_test.h"

namespace pals {
namespace {

using testing::expect_close;
using testing::ints;
using testing::random;

/// Rows of the given lengths; token keys as if row b of the batch had id ids[b].
AttentionRows rows_of(const std::vector<int32_t>& lengths, const std::vector<int64_t>& ids,
                      int32_t first_token) {
  std::vector<int32_t> cu = {first_token};
  std::vector<int32_t> token_keys;
  AttentionRows rows;
  for (size_t b = 0; b < lengths.size(); ++b) {
    cu.push_back(cu.back() + lengths[b]);
    rows.max_seqlen = std::max<int64_t>(rows.max_seqlen, lengths[b]);
    for (int32_t t = 0; t < lengths[b]; ++t) {
      token_keys.push_back(static_cast<int32_t>(dropout_token_key(ids[b], t)));
    }
  }
  rows.cu_seqlens = ints(cu);
  rows.token_keys = ints(token_keys);
  return rows;
}

AttentionRows rows_of(const std::vector<int32_t>& lengths, int32_t first_token = 0) {
  std::vector<int64_t> ids(lengths.size());
  for (size_t b = 0; b < ids.size(); ++b) {
    ids[b] = static_cast<int64_t>(b) + 10;
  }
  return rows_of(lengths, ids, first_token);
}

/// Heads whose queries, keys and values are three views of one matrix [M, 3*N*D], as are the
/// gradients.
struct Fused {
  at::Tensor all, gradients;
  AttentionHeads heads;
};

Fused fused(int64_t tokens, int64_t num_heads, int64_t head_size, at::ScalarType type,
            uint64_t seed, const Dropout& dropout = {}) {
  const int64_t width = num_heads * head_size;
  Fused result{.all = random({tokens, 3 * width}, seed).to(type),
               .gradients = at::full({tokens, 3 * width}, 77.0, type),
               .heads = {}};
  const auto part = [&](const at::Tensor& x, int64_t i) { return x.narrow(1, i * width, width); };
  result.heads = {.q = part(result.all, 0),
                  .k = part(result.all, 1),
                  .v = part(result.all, 2),
                  .num_heads = num_heads,
                  .scale = 1 / std::sqrt(static_cast<double>(head_size)),
                  .dropout = dropout,
                  .dq = part(result.gradients, 0),
                  .dk = part(result.gradients, 1),
                  .dv = part(result.gradients, 2)};
  return result;
}

void forward(AttentionHeads& heads, const AttentionRows& rows) {
  Attention block{.heads = {&heads, 1}, .rows = rows};
  attention_forward(block);
}

void backward(AttentionHeads& heads, const AttentionRows& rows) {
  Attention block{.heads = {&heads, 1}, .rows = rows};
  attention_backward(block);
}

/// Forward with context as the gradient of itself, and backward.
void run(AttentionHeads& heads, const AttentionRows& rows) {
  forward(heads, rows);
  if (!heads.d_context.defined()) heads.d_context = heads.context;
  backward(heads, rows);
}

/// The same of copies by the plain version.
AttentionHeads plain_run(AttentionHeads heads, const AttentionRows& rows) {
  heads.context = at::empty_like(heads.q);
  heads.logsumexp = at::empty({heads.q.size(0), heads.num_heads}, heads.q.options());
  if (heads.q.scalar_type() != at::kDouble) heads.logsumexp = heads.logsumexp.to(at::kFloat);
  const Attention block{.heads = {&heads, 1}, .rows = rows};
  plain::attention_forward(block);
  plain::attention_backward(block);
  return heads;
}

class AttentionTest : public testing::KernelTest {
 protected:
  void check(const std::vector<int32_t>& lengths, int64_t num_heads, int64_t head_size, float p,
             int32_t first_token) {
    SCOPED_TRACE(::testing::Message() << lengths.size() << " rows, first " << lengths[0] << ", "
                                      << num_heads << " x " << head_size << ", p " << p);
    const AttentionRows rows = rows_of(lengths, first_token);
    const int64_t tokens = rows.token_keys.numel();
    Fused in = fused(tokens, num_heads, head_size, type(), 1, {p, dropout_key(1, 2, 3)});
    AttentionHeads& got = in.heads;
    got.d_context = act({tokens, num_heads * head_size}, 2);
    const AttentionHeads expected = plain_run(reference(got), rows);
    run(got, rows);
    expect_close(got.context, expected.context, is_fp32() ? 3e-6 : 8e-3, "context");
    expect_close(got.logsumexp, expected.logsumexp, 2e-6, "logsumexp");
    // Those of a row of one token are 0, and what is left of numbers near 1 that cancel.
    expect_close(got.dq, expected.dq, is_fp32() ? 4e-6 : 8e-3, "dq", 0.1);
    expect_close(got.dk, expected.dk, is_fp32() ? 4e-6 : 8e-3, "dk", 0.1);
    expect_close(got.dv, expected.dv, is_fp32() ? 4e-6 : 8e-3, "dv");
  }
};
INSTANTIATE_TEST_SUITE_P(Kernels, AttentionTest, testing::all_kernels(), testing::case_name);

TEST_P(AttentionTest, EveryLengthTo130) {
  for (int32_t length = 1; length <= 130; ++length) {
    check({length}, 1, 32, (length & 1) != 0 ? 0.1F : 0.0F, 0);
  }
}

TEST_P(AttentionTest, HeadSizes) {
  for (const int64_t head_size : {1, 17, 32, 34, 64}) {
    check({5, 36, 1, 0, 61}, 3, head_size, 0.0F, 0);
    check({5, 36, 1, 0, 61}, 3, head_size, 0.2F, 1000);
  }
}

TEST_P(AttentionTest, LongRows) {
  check({512}, 1, 64, 0.1F, 0);
  check({200, 3}, 2, 34, 0.1F, 40);
}

TEST_P(AttentionTest, NoTokens) {
  const AttentionRows rows = rows_of({});
  AttentionHeads heads = fused(0, 2, 4, type(), 1).heads;
  run(heads, rows);
  EXPECT_EQ(heads.dv.numel(), 0);
}

TEST_P(AttentionTest, LargeScoresStayFinite) {
  const AttentionRows rows = rows_of({9});
  Fused in = fused(9, 1, 16, type(), 1);
  in.heads.scale = 1.0;
  in.all.mul_(100);
  forward(in.heads, rows);
  EXPECT_TRUE(in.heads.context.isfinite().all().item<bool>());
  EXPECT_TRUE(in.heads.logsumexp.isfinite().all().item<bool>());
}

// Queries that are only the first tokens of each row: as all of them with no gradient elsewhere.
TEST_P(AttentionTest, NarrowedToTheFirstTokens) {
  const std::vector<int32_t> lengths = {5, 1, 70, 0, 12}, counts = {1, 1, 50, 0, 12};
  const AttentionRows whole = rows_of(lengths, 100);
  AttentionRows narrowed = whole;
  std::vector<int32_t> cu_queries = {7};
  std::vector<int64_t> positions;
  for (size_t b = 0, first = 0; b < lengths.size(); first += static_cast<size_t>(lengths[b++])) {
    cu_queries.push_back(cu_queries.back() + counts[b]);
    for (int32_t i = 0; i < counts[b]; ++i) positions.push_back(static_cast<int64_t>(first) + i);
  }
  const at::Tensor chosen = at::tensor(positions, at::kLong);
  narrowed.cu_queries = ints(cu_queries);
  narrowed.query_keys = whole.token_keys.index_select(0, chosen);

  const int64_t tokens = whole.token_keys.numel();
  Fused in = fused(tokens, 2, 34, type(), 1, {0.2F, dropout_key(1, 2, 3)});
  AttentionHeads& expected = in.heads;
  AttentionHeads got = expected;
  got.q = expected.q.index_select(0, chosen);
  forward(expected, whole);
  forward(got, narrowed);
  EXPECT_TRUE(at::equal(got.context, expected.context.index_select(0, chosen)));
  EXPECT_TRUE(at::equal(got.logsumexp, expected.logsumexp.index_select(0, chosen)));

  got.d_context = act(got.q.sizes(), 2);
  got.dq = got.dk = got.dv = at::Tensor();
  expected.d_context = at::zeros(expected.q.sizes(), type());
  expected.d_context.index_copy_(0, chosen, got.d_context);
  backward(expected, whole);
  backward(got, narrowed);
  expect_close(got.dq, expected.dq.index_select(0, chosen), 1e-6, "dq");
  expect_close(got.dk, expected.dk, 1e-6, "dk");
  expect_close(got.dv, expected.dv, 1e-6, "dv");
  const double bound = is_fp32() ? 4e-6 : 1.2e-2;
  const AttentionHeads slow = plain_run(reference(got), narrowed);
  expect_close(got.dq, slow.dq, bound, "dq");
  expect_close(got.dk, slow.dk, bound, "dk");
  expect_close(got.dv, slow.dv, bound, "dv");
}

TEST_P(AttentionTest, RefusesMoreQueriesThanTokens) {
  if (is_cuda()) GTEST_SKIP() << "a GPU's tensors are not looked at";
  AttentionHeads heads = fused(5, 1, 8, type(), 1).heads;
  AttentionRows rows = rows_of({2, 3});
  rows.query_keys = rows.token_keys;
  for (const std::vector<int32_t>& counts :
       {std::vector<int32_t>{0, 3, 5}, {0, 0, 3}, {0, 1, 6}, {0, 2, 1}}) {
    rows.cu_queries = ints(counts);
    EXPECT_THROW(forward(heads, rows), c10::Error);
  }
}

// Heads of two attentions, on some devices in one launch: the bits of each alone.
TEST_P(AttentionTest, TwoTogetherAreEachAlone) {
  EXPECT_EQ(joins_attention(at::zeros({1}, type())), is_cuda() && !is_fp32());
  const std::vector<int32_t> lengths = {5, 36, 1, 0, 70, 64};
  const AttentionRows all = rows_of(lengths, 3);
  AttentionRows firsts = all;  // the first token of each row that has one
  firsts.cu_queries = ints({0, 1, 2, 3, 3, 4, 5});
  const at::Tensor chosen = at::tensor({0, 5, 41, 42, 112}, at::kLong);
  firsts.query_keys = all.token_keys.index_select(0, chosen);
  const int64_t tokens = all.token_keys.numel();
  struct Size {
    int64_t num_heads, head_size;
  };
  // BERT-base's beside PALs', the other way round, equal ones, and one that no kernel takes.
  for (const auto& [one, other] : {std::pair<Size, Size>{{3, 64}, {2, 34}},
                                   {{1, 17}, {2, 64}},
                                   {{2, 16}, {1, 16}},
                                   {{2, 64}, {1, 130}}}) {
    for (const AttentionRows& rows : {all, firsts}) {
      for (const float p : {0.0F, 0.2F}) {
        std::vector<AttentionHeads> together, alone;
        for (uint32_t i = 0; i < 2; ++i) {
          const Size& size = i == 0 ? one : other;
          AttentionHeads heads =
              fused(tokens, size.num_heads, size.head_size, type(), i, {p, dropout_key(1, 2, i)})
                  .heads;
          if (rows.narrowed()) heads.q = heads.q.index_select(0, chosen);
          heads.scale = 0.1 + 0.1 * static_cast<double>(i);
          heads.d_context = act(heads.q.sizes(), 7 + i);
          heads.dq = heads.dk = heads.dv = at::Tensor();
          together.push_back(heads);
          run(alone.emplace_back(heads), rows);
        }
        Attention block{.heads = together, .rows = rows};
        attention_forward(block);
        attention_backward(block);
        for (size_t i = 0; i < 2; ++i) {
          EXPECT_TRUE(at::equal(together[i].context, alone[i].context));
          EXPECT_TRUE(at::equal(together[i].logsumexp, alone[i].logsumexp));
          EXPECT_TRUE(at::equal(together[i].dq, alone[i].dq));
          EXPECT_TRUE(at::equal(together[i].dk, alone[i].dk));
          EXPECT_TRUE(at::equal(together[i].dv, alone[i].dv));
        }
      }
    }
  }
  std::vector<AttentionHeads> unlike = {fused(tokens, 1, 8, type(), 1).heads,
                                        fused(tokens - 1, 1, 8, type(), 1).heads};
  Attention block{.heads = unlike, .rows = all};
  EXPECT_THROW(attention_forward(block), c10::Error);
}

TEST_P(AttentionTest, SameWhateverThePackingAndThreads) {
  const auto results = [](AttentionHeads heads, const AttentionRows& rows) {
    heads.dq = heads.dk = heads.dv = at::Tensor();
    run(heads, rows);
    return at::cat({heads.context, heads.dq, heads.dk, heads.dv}, 1);
  };
  const AttentionHeads heads = fused(100, 2, 32, type(), 1, {0.3F, dropout_key(4, 5, 6)}).heads;
  const at::Tensor together = results(heads, rows_of({30, 70}, {1, 2}, 0));
  for (const auto& [first, length, id] : {std::tuple{0, 30, 1}, std::tuple{30, 70, 2}}) {
    AttentionHeads part = heads;
    for (at::Tensor* t : {&part.q, &part.k, &part.v}) *t = t->narrow(0, first, length);
    const at::Tensor alone = results(part, rows_of({length}, {id}, first));
    EXPECT_TRUE(at::equal(alone, together.narrow(0, first, length)));
  }
  const int threads = at::get_num_threads();
  at::set_num_threads(threads == 1 ? 2 : 1);
  const at::Tensor other = results(heads, rows_of({30, 70}, {1, 2}, 0));
  at::set_num_threads(threads);
  EXPECT_TRUE(at::equal(other, together));
}

TEST_P(AttentionTest, RefusesOffsetsBeyondTheTokens) {
  if (is_cuda()) GTEST_SKIP() << "a GPU's tensors are not looked at";
  AttentionHeads heads = fused(5, 1, 8, type(), 1).heads;
  EXPECT_THROW(forward(heads, rows_of({9})), c10::Error);
  AttentionRows backwards = rows_of({3});
  backwards.cu_seqlens = ints({0, 4, 2});
  EXPECT_THROW(forward(heads, backwards), c10::Error);
}

TEST(PlainAttention, GradientsAreTheSlopes) {
  const AttentionRows rows = rows_of({3, 2});
  const Fused in = fused(5, 2, 4, at::kDouble, 1, {0.3F, dropout_key(9, 9, 9)});
  AttentionHeads heads = in.heads;
  heads.d_context = random({5, 8}, 2).to(at::kDouble);
  const auto loss = [&] {
    return (plain_run(heads, rows).context * heads.d_context).sum().item<double>();
  };
  loss();
  const at::Tensor gradients = in.gradients.clone();
  double* value = in.all.mutable_data_ptr<double>();
  const double* got = gradients.const_data_ptr<double>();
  for (int64_t i = 0; i < in.all.numel(); ++i) {
    const double kept = value[i];
    value[i] = kept + 1e-5;
    const double above = loss();
    value[i] = kept - 1e-5;
    const double below = loss();
    value[i] = kept;
    EXPECT_NEAR(got[i], (above - below) / 2e-5, 1e-8) << i;
  }
}

}  // namespace
}  // namespace pals

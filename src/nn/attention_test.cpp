// Attention kernels against the plain version, and the plain version against finite differences.
#include <ATen/Parallel.h>

#include <cmath>

#include "nn/blocks_test_util.h"

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

struct Fused {
  at::Tensor all, q, k, v;  ///< all [M, 3*N*D] and its three views
};

Fused fused(int64_t tokens, int64_t width, at::ScalarType type, uint64_t seed) {
  Fused result;
  result.all = random({tokens, 3 * width}, seed).to(type);
  result.q = result.all.narrow(1, 0, width);
  result.k = result.all.narrow(1, width, width);
  result.v = result.all.narrow(1, 2 * width, width);
  return result;
}

class AttentionTest : public testing::KernelTest {
 protected:
  void check(const std::vector<int32_t>& lengths, int64_t num_heads, int64_t head_size, float p,
             int32_t first_token) {
    SCOPED_TRACE(::testing::Message() << lengths.size() << " rows, first " << lengths[0] << ", "
                                      << num_heads << " x " << head_size << ", p " << p);
    const AttentionRows rows = rows_of(lengths, first_token);
    const int64_t tokens = rows.token_keys.numel();
    const int64_t width = num_heads * head_size;
    const double scale = 1 / std::sqrt(static_cast<double>(head_size));
    const Dropout dropout = {p, dropout_key(1, 2, 3)};
    const Fused in = fused(tokens, width, type(), 1);
    const at::Tensor rq = reference(in.q), rk = reference(in.k), rv = reference(in.v);
    at::Tensor expected = at::empty_like(rq);
    at::Tensor expected_lse = at::empty({tokens, num_heads}, is_fp32() ? at::kDouble : at::kFloat);
    plain::attention_forward(rq, rk, rv, rows, num_heads, scale, dropout, expected, expected_lse);
    at::Tensor context, logsumexp;
    attention_forward(in.q, in.k, in.v, rows, num_heads, scale, dropout, context, logsumexp);
    expect_close(context, expected, is_fp32() ? 3e-6 : 8e-3, "context");
    expect_close(logsumexp, expected_lse, 2e-6, "logsumexp");

    const at::Tensor d_context = act({tokens, width}, 2);
    at::Tensor eq = at::empty_like(rq), ek = at::empty_like(rq), ev = at::empty_like(rq);
    plain::attention_backward(reference(d_context), rq, rk, rv, expected, expected_lse, rows,
                              num_heads, scale, dropout, eq, ek, ev);
    Fused out = fused(tokens, width, type(), 3);
    attention_backward(d_context, in.q, in.k, in.v, context, logsumexp, rows, num_heads, scale,
                       dropout, out.q, out.k, out.v);
    expect_close(out.q, eq, is_fp32() ? 4e-6 : 8e-3, "dq");
    expect_close(out.k, ek, is_fp32() ? 4e-6 : 8e-3, "dk");
    expect_close(out.v, ev, is_fp32() ? 4e-6 : 8e-3, "dv");
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
  const Fused in = fused(0, 8, type(), 1);
  at::Tensor context, logsumexp, dq, dk, dv;
  attention_forward(in.q, in.k, in.v, rows, 2, 1.0, {}, context, logsumexp);
  attention_backward(context, in.q, in.k, in.v, context, logsumexp, rows, 2, 1.0, {}, dq, dk, dv);
  EXPECT_EQ(dv.numel(), 0);
}

TEST_P(AttentionTest, LargeScoresStayFinite) {
  const AttentionRows rows = rows_of({9});
  Fused in = fused(9, 16, type(), 1);
  in.all.mul_(100);
  at::Tensor context, logsumexp;
  attention_forward(in.q, in.k, in.v, rows, 1, 1.0, {}, context, logsumexp);
  EXPECT_TRUE(context.isfinite().all().item<bool>());
  EXPECT_TRUE(logsumexp.isfinite().all().item<bool>());
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

  constexpr double kScale = 0.17;
  const int64_t tokens = whole.token_keys.numel(), width = 2 * 34;
  const Dropout dropout = {0.2F, dropout_key(1, 2, 3)};
  const Fused in = fused(tokens, width, type(), 1);
  const at::Tensor q = in.q.index_select(0, chosen);
  at::Tensor expected, expected_lse, context, lse;
  attention_forward(in.q, in.k, in.v, whole, 2, kScale, dropout, expected, expected_lse);
  attention_forward(q, in.k, in.v, narrowed, 2, kScale, dropout, context, lse);
  EXPECT_TRUE(at::equal(context, expected.index_select(0, chosen)));
  EXPECT_TRUE(at::equal(lse, expected_lse.index_select(0, chosen)));

  const at::Tensor d_context = act({chosen.numel(), width}, 2);
  at::Tensor d_whole = at::zeros({tokens, width}, type());
  d_whole.index_copy_(0, chosen, d_context);
  at::Tensor eq, ek, ev, dq, dk, dv, pq, pk, pv;
  attention_backward(d_whole, in.q, in.k, in.v, expected, expected_lse, whole, 2, kScale, dropout,
                     eq, ek, ev);
  attention_backward(d_context, q, in.k, in.v, context, lse, narrowed, 2, kScale, dropout, dq, dk,
                     dv);
  expect_close(dq, eq.index_select(0, chosen), 1e-6, "dq");
  expect_close(dk, ek, 1e-6, "dk");
  expect_close(dv, ev, 1e-6, "dv");
  const double bound = is_fp32() ? 4e-6 : 1.2e-2;
  pq = at::empty_like(reference(q)), pk = at::empty_like(reference(in.k)), pv = at::empty_like(pk);
  plain::attention_backward(reference(d_context), reference(q), reference(in.k), reference(in.v),
                            reference(context), lse.to(reference(q).scalar_type()), narrowed, 2,
                            kScale, dropout, pq, pk, pv);
  expect_close(dq, pq, bound, "dq");
  expect_close(dk, pk, bound, "dk");
  expect_close(dv, pv, bound, "dv");
}

TEST_P(AttentionTest, RefusesMoreQueriesThanTokens) {
  if (is_cuda()) GTEST_SKIP() << "a GPU's tensors are not looked at";
  const Fused in = fused(5, 8, type(), 1);
  AttentionRows rows = rows_of({2, 3});
  rows.query_keys = rows.token_keys;
  at::Tensor context, logsumexp;
  for (const std::vector<int32_t>& counts :
       {std::vector<int32_t>{0, 3, 5}, {0, 0, 3}, {0, 1, 6}, {0, 2, 1}}) {
    rows.cu_queries = ints(counts);
    EXPECT_THROW(attention_forward(in.q, in.k, in.v, rows, 1, 1.0, {}, context, logsumexp),
                 c10::Error);
  }
}

// Heads of two attentions in one launch: the bits of each alone.
TEST_P(AttentionTest, TwoTogetherAreEachAlone) {
  if (!joins_attention(at::zeros({1}, type()))) {
    EXPECT_TRUE(!is_cuda() || is_fp32());
    return;
  }
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
        AttentionHeads together[2], alone[2];
        for (uint64_t i = 0; i < 2; ++i) {
          const Size& size = i == 0 ? one : other;
          const int64_t width = size.num_heads * size.head_size;
          const Fused in = fused(tokens, width, type(), i);
          AttentionHeads heads;
          heads.q = rows.narrowed() ? in.q.index_select(0, chosen) : in.q;
          heads.k = in.k;
          heads.v = in.v;
          heads.num_heads = size.num_heads;
          heads.scale = 0.1 + 0.1 * static_cast<double>(i);
          heads.dropout = {p, dropout_key(1, 2, static_cast<uint32_t>(i))};
          heads.d_context = act(heads.q.sizes(), 7 + i);
          for (AttentionHeads* to : {&together[i], &alone[i]}) {
            *to = heads;
            to->context = at::zeros(heads.q.sizes(), type());
            to->dq = at::zeros(heads.q.sizes(), type());
            to->dk = at::zeros(heads.k.sizes(), type());
            to->dv = at::zeros(heads.k.sizes(), type());
            to->logsumexp = at::zeros({heads.q.size(0), size.num_heads});
          }
          AttentionHeads& own = alone[i];
          attention_forward(own.q, own.k, own.v, rows, own.num_heads, own.scale, own.dropout,
                            own.context, own.logsumexp);
          attention_backward(own.d_context, own.q, own.k, own.v, own.context, own.logsumexp, rows,
                             own.num_heads, own.scale, own.dropout, own.dq, own.dk, own.dv);
        }
        joint_attention_forward(together[0], together[1], rows);
        joint_attention_backward(together[0], together[1], rows);
        for (int i = 0; i < 2; ++i) {
          EXPECT_TRUE(at::equal(together[i].context, alone[i].context));
          EXPECT_TRUE(at::equal(together[i].logsumexp, alone[i].logsumexp));
          EXPECT_TRUE(at::equal(together[i].dq, alone[i].dq));
          EXPECT_TRUE(at::equal(together[i].dk, alone[i].dk));
          EXPECT_TRUE(at::equal(together[i].dv, alone[i].dv));
        }
      }
    }
  }
  AttentionHeads heads, shorter;
  const Fused in = fused(tokens, 8, type(), 1), less = fused(tokens - 1, 8, type(), 1);
  for (const auto& [to, from] : {std::pair{&heads, &in}, {&shorter, &less}}) {
    to->q = from->q, to->k = from->k, to->v = from->v;
    to->num_heads = 1;
    to->context = at::zeros_like(from->q);
    to->logsumexp = at::zeros({from->q.size(0), 1});
  }
  EXPECT_THROW(joint_attention_forward(heads, shorter, all), c10::Error);
}

TEST_P(AttentionTest, SameWhateverThePackingAndThreads) {
  const Dropout dropout = {0.3F, dropout_key(4, 5, 6)};
  const auto run = [&](const AttentionRows& rows, const Fused& in) {
    at::Tensor context, logsumexp, dq, dk, dv;
    attention_forward(in.q, in.k, in.v, rows, 2, 0.2, dropout, context, logsumexp);
    attention_backward(context, in.q, in.k, in.v, context, logsumexp, rows, 2, 0.2, dropout, dq, dk,
                       dv);
    return at::cat({context, dq, dk, dv}, 1);
  };
  const Fused in = fused(100, 64, type(), 1);
  const at::Tensor together = run(rows_of({30, 70}, {1, 2}, 0), in);
  for (const auto& [first, length, id] : {std::tuple{0, 30, 1}, std::tuple{30, 70, 2}}) {
    Fused part = in;
    for (at::Tensor* t : {&part.q, &part.k, &part.v}) {
      *t = t->narrow(0, first, length);
    }
    const at::Tensor alone = run(rows_of({length}, {id}, first), part);
    EXPECT_TRUE(at::equal(alone, together.narrow(0, first, length)));
  }
  const int threads = at::get_num_threads();
  at::set_num_threads(threads == 1 ? 2 : 1);
  const at::Tensor other = run(rows_of({30, 70}, {1, 2}, 0), in);
  at::set_num_threads(threads);
  EXPECT_TRUE(at::equal(other, together));
}

TEST_P(AttentionTest, RefusesOffsetsBeyondTheTokens) {
  if (is_cuda()) GTEST_SKIP() << "a GPU's tensors are not looked at";
  const Fused in = fused(5, 8, type(), 1);
  at::Tensor context, logsumexp;
  EXPECT_THROW(attention_forward(in.q, in.k, in.v, rows_of({9}), 1, 1.0, {}, context, logsumexp),
               c10::Error);
  AttentionRows backwards = rows_of({3});
  backwards.cu_seqlens = ints({0, 4, 2});
  EXPECT_THROW(attention_forward(in.q, in.k, in.v, backwards, 1, 1.0, {}, context, logsumexp),
               c10::Error);
}

TEST(PlainAttention, GradientsAreTheSlopes) {
  const AttentionRows rows = rows_of({3, 2});
  const Dropout dropout = {0.3F, dropout_key(9, 9, 9)};
  Fused in = fused(5, 8, at::kDouble, 1);
  const at::Tensor weight = random({5, 8}, 2).to(at::kDouble);
  at::Tensor context = at::empty_like(weight), lse = at::empty({5, 2}, at::kDouble);
  const auto loss = [&] {
    plain::attention_forward(in.q, in.k, in.v, rows, 2, 0.5, dropout, context, lse);
    return (context * weight).sum().item<double>();
  };
  loss();
  Fused out = fused(5, 8, at::kDouble, 3);
  plain::attention_backward(weight, in.q, in.k, in.v, context, lse, rows, 2, 0.5, dropout, out.q,
                            out.k, out.v);
  double* value = in.all.mutable_data_ptr<double>();
  const double* got = out.all.const_data_ptr<double>();
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

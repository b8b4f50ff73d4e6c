// Plain attention: row by row, all heads at once, with the probabilities written out.
#include <cmath>

#include "kernels/backend.h"

namespace pals::plain {
namespace {

/// A run of consecutive tokens.
struct Range {
  int64_t first = 0, length = 0;
};

at::Tensor part_of(const at::Tensor& x, const Range& range) {
  return x.narrow(0, range.first, range.length);
}

/// Tokens of a [M, N*D] matrix as [N, length, D], in fp32 or double.
at::Tensor heads_of(const at::Tensor& x, const Range& range, int64_t num_heads) {
  const at::Tensor part = part_of(x, range);
  const at::Tensor wide = x.scalar_type() == at::kDouble ? part : part.to(at::kFloat);
  return wide.reshape({range.length, num_heads, x.size(1) / num_heads}).transpose(0, 1);
}

/// The reverse: [N, length, D] to [length, N*D].
at::Tensor merge(const at::Tensor& x) {
  return x.transpose(0, 1).reshape({x.size(1), x.size(0) * x.size(2)});
}

/// Dropout factors of one row's probabilities, [N, queries, length], from the queries' keys.
at::Tensor probability_factors(const Dropout& dropout, const at::Tensor& keys, int64_t length,
                               int64_t num_heads) {
  const int64_t queries = keys.numel();
  at::Tensor factors = at::empty({num_heads, queries, length}, at::kFloat);
  const at::Tensor host = keys.to(at::kCPU).contiguous();
  const int32_t* key = host.const_data_ptr<int32_t>();
  float* out = factors.mutable_data_ptr<float>();
  for (int64_t n = 0; n < num_heads; ++n) {
    for (int64_t i = 0; i < queries; ++i) {
      for (int64_t j = 0; j < length; ++j) {
        const auto column = static_cast<uint32_t>(n * kDropoutColumnsPerHead + j);
        *out++ = dropout_factor(dropout, static_cast<uint32_t>(key[i]), column);
      }
    }
  }
  return factors.to(keys.device());
}

/// Calls visit(tokens, queries) for each row that is not empty.
template <typename Visit>
void for_each_row(const AttentionRows& rows, Visit visit) {
  const at::Tensor offsets = rows.cu_seqlens.to(at::kCPU).contiguous();
  const at::Tensor query_offsets =
      rows.narrowed() ? rows.cu_queries.to(at::kCPU).contiguous() : offsets;
  const int32_t* cu = offsets.const_data_ptr<int32_t>();
  const int32_t* cu_queries = query_offsets.const_data_ptr<int32_t>();
  for (int64_t b = 0; b + 1 < offsets.numel(); ++b) {
    if (cu[b + 1] > cu[b]) {
      visit(Range{cu[b] - cu[0], cu[b + 1] - cu[b]},
            Range{cu_queries[b] - cu_queries[0], cu_queries[b + 1] - cu_queries[b]});
    }
  }
}

/// The keys that dropout of a row's probabilities depends on.
at::Tensor keys_of(const AttentionRows& rows, const Range& queries) {
  return part_of(rows.narrowed() ? rows.query_keys : rows.token_keys, queries);
}

void attend(const AttentionHeads& heads, const AttentionRows& rows) {
  for_each_row(rows, [&](const Range& tokens, const Range& queries_at) {
    const at::Tensor queries = heads_of(heads.q, queries_at, heads.num_heads) * heads.scale;
    const at::Tensor scores =
        at::matmul(queries, heads_of(heads.k, tokens, heads.num_heads).transpose(1, 2));
    const at::Tensor total = at::logsumexp(scores, 2);
    part_of(heads.logsumexp, queries_at).copy_(total.t());
    at::Tensor probabilities = at::exp(scores - total.unsqueeze(2));
    if (heads.dropout.active()) {
      probabilities = probabilities * probability_factors(heads.dropout, keys_of(rows, queries_at),
                                                          tokens.length, heads.num_heads);
    }
    const at::Tensor result = at::matmul(probabilities, heads_of(heads.v, tokens, heads.num_heads));
    part_of(heads.context, queries_at).copy_(merge(result));
  });
}

void attend_backward(const AttentionHeads& heads, const AttentionRows& rows) {
  for_each_row(rows, [&](const Range& tokens, const Range& queries_at) {
    const at::Tensor queries = heads_of(heads.q, queries_at, heads.num_heads) * heads.scale;
    const at::Tensor keys = heads_of(heads.k, tokens, heads.num_heads);
    const at::Tensor values = heads_of(heads.v, tokens, heads.num_heads);
    const at::Tensor d_out = heads_of(heads.d_context, queries_at, heads.num_heads);
    const at::Tensor total = part_of(heads.logsumexp, queries_at).t().unsqueeze(2);
    const at::Tensor probabilities = at::exp(at::matmul(queries, keys.transpose(1, 2)) - total);
    at::Tensor d_probabilities = at::matmul(d_out, values.transpose(1, 2));
    at::Tensor dropped = probabilities;
    if (heads.dropout.active()) {
      const at::Tensor factors = probability_factors(heads.dropout, keys_of(rows, queries_at),
                                                     tokens.length, heads.num_heads);
      dropped = probabilities * factors;
      d_probabilities = d_probabilities * factors;
    }
    const at::Tensor mean = (probabilities * d_probabilities).sum(2, true);
    const at::Tensor d_scores = probabilities * (d_probabilities - mean);
    part_of(heads.dq, queries_at).copy_(merge(at::matmul(d_scores, keys) * heads.scale));
    part_of(heads.dk, tokens).copy_(merge(at::matmul(d_scores.transpose(1, 2), queries)));
    part_of(heads.dv, tokens).copy_(merge(at::matmul(dropped.transpose(1, 2), d_out)));
  });
}

}  // namespace

void attention_forward(const Attention& block) {
  for (const AttentionHeads& heads : block.heads) attend(heads, block.rows);
}

void attention_backward(const Attention& block) {
  for (const AttentionHeads& heads : block.heads) attend_backward(heads, block.rows);
}

}  // namespace pals::plain

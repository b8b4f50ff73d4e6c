// Plain attention: row by row, all heads at once, with the probabilities written out.
#include <cmath>

#include "nn/blocks_plain.h"

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

}  // namespace

void attention_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const AttentionRows& rows, int64_t num_heads, double scale,
                       const Dropout& dropout, at::Tensor& context, at::Tensor& logsumexp) {
  for_each_row(rows, [&](const Range& tokens, const Range& queries_at) {
    const at::Tensor queries = heads_of(q, queries_at, num_heads) * scale;
    const at::Tensor scores = at::matmul(queries, heads_of(k, tokens, num_heads).transpose(1, 2));
    const at::Tensor total = at::logsumexp(scores, 2);
    part_of(logsumexp, queries_at).copy_(total.t());
    at::Tensor probabilities = at::exp(scores - total.unsqueeze(2));
    if (dropout.active()) {
      probabilities = probabilities * probability_factors(dropout, keys_of(rows, queries_at),
                                                          tokens.length, num_heads);
    }
    const at::Tensor result = at::matmul(probabilities, heads_of(v, tokens, num_heads));
    part_of(context, queries_at).copy_(merge(result));
  });
}

void attention_backward(const at::Tensor& d_context, const at::Tensor& q, const at::Tensor& k,
                        const at::Tensor& v, const at::Tensor& /*context*/,
                        const at::Tensor& logsumexp, const AttentionRows& rows, int64_t num_heads,
                        double scale, const Dropout& dropout, at::Tensor& dq, at::Tensor& dk,
                        at::Tensor& dv) {
  for_each_row(rows, [&](const Range& tokens, const Range& queries_at) {
    const at::Tensor queries = heads_of(q, queries_at, num_heads) * scale;
    const at::Tensor keys = heads_of(k, tokens, num_heads);
    const at::Tensor values = heads_of(v, tokens, num_heads);
    const at::Tensor d_out = heads_of(d_context, queries_at, num_heads);
    const at::Tensor total = part_of(logsumexp, queries_at).t().unsqueeze(2);
    const at::Tensor probabilities = at::exp(at::matmul(queries, keys.transpose(1, 2)) - total);
    at::Tensor d_probabilities = at::matmul(d_out, values.transpose(1, 2));
    at::Tensor dropped = probabilities;
    if (dropout.active()) {
      const at::Tensor factors =
          probability_factors(dropout, keys_of(rows, queries_at), tokens.length, num_heads);
      dropped = probabilities * factors;
      d_probabilities = d_probabilities * factors;
    }
    const at::Tensor mean = (probabilities * d_probabilities).sum(2, true);
    const at::Tensor d_scores = probabilities * (d_probabilities - mean);
    part_of(dq, queries_at).copy_(merge(at::matmul(d_scores, keys) * scale));
    part_of(dk, tokens).copy_(merge(at::matmul(d_scores.transpose(1, 2), queries)));
    part_of(dv, tokens).copy_(merge(at::matmul(dropped.transpose(1, 2), d_out)));
  });
}

void joint_attention_forward(AttentionHeads& first, AttentionHeads& second,
                             const AttentionRows& rows) {
  for (AttentionHeads* heads : {&first, &second}) {
    plain::attention_forward(heads->q, heads->k, heads->v, rows, heads->num_heads, heads->scale,
                             heads->dropout, heads->context, heads->logsumexp);
  }
}

void joint_attention_backward(AttentionHeads& first, AttentionHeads& second,
                              const AttentionRows& rows) {
  for (AttentionHeads* heads : {&first, &second}) {
    plain::attention_backward(heads->d_context, heads->q, heads->k, heads->v, heads->context,
                              heads->logsumexp, rows, heads->num_heads, heads->scale,
                              heads->dropout, heads->dq, heads->dk, heads->dv);
  }
}

}  // namespace pals::plain

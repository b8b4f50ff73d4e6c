// Plain attention: row by row, all heads at once, with the probabilities written out.
#include <cmath>

#include "nn/blocks_plain.h"

namespace pals::plain {
namespace {

/// Tokens [first, first + length) of a [M, N*D] matrix as [N, length, D], in fp32 or double.
at::Tensor heads_of(const at::Tensor& x, int64_t first, int64_t length, int64_t num_heads) {
  const at::Tensor part = x.narrow(0, first, length);
  const at::Tensor wide = x.scalar_type() == at::kDouble ? part : part.to(at::kFloat);
  return wide.reshape({length, num_heads, x.size(1) / num_heads}).transpose(0, 1);
}

/// The reverse: [N, length, D] to [length, N*D].
at::Tensor merge(const at::Tensor& x) {
  return x.transpose(0, 1).reshape({x.size(1), x.size(0) * x.size(2)});
}

/// Dropout factors of one row's probabilities, [N, length, length].
at::Tensor probability_factors(const Dropout& dropout, const at::Tensor& keys, int64_t num_heads) {
  const int64_t length = keys.numel();
  at::Tensor factors = at::empty({num_heads, length, length}, at::kFloat);
  const at::Tensor host = keys.to(at::kCPU).contiguous();
  const int32_t* key = host.const_data_ptr<int32_t>();
  float* out = factors.mutable_data_ptr<float>();
  for (int64_t n = 0; n < num_heads; ++n) {
    for (int64_t i = 0; i < length; ++i) {
      for (int64_t j = 0; j < length; ++j) {
        const auto column = static_cast<uint32_t>(n * kDropoutColumnsPerHead + j);
        *out++ = dropout_factor(dropout, static_cast<uint32_t>(key[i]), column);
      }
    }
  }
  return factors.to(keys.device());
}

/// Calls visit(first token, length) for each row that is not empty.
template <typename Visit>
void for_each_row(const AttentionRows& rows, Visit visit) {
  const at::Tensor offsets = rows.cu_seqlens.to(at::kCPU).contiguous();
  const int32_t* cu = offsets.const_data_ptr<int32_t>();
  for (int64_t b = 0; b + 1 < offsets.numel(); ++b) {
    if (cu[b + 1] > cu[b]) {
      visit(cu[b] - cu[0], cu[b + 1] - cu[b]);
    }
  }
}

}  // namespace

void attention_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const AttentionRows& rows, int64_t num_heads, double scale,
                       const Dropout& dropout, at::Tensor& context, at::Tensor& logsumexp) {
  for_each_row(rows, [&](int64_t first, int64_t length) {
    const at::Tensor queries = heads_of(q, first, length, num_heads) * scale;
    const at::Tensor scores =
        at::matmul(queries, heads_of(k, first, length, num_heads).transpose(1, 2));
    const at::Tensor total = at::logsumexp(scores, 2);
    logsumexp.narrow(0, first, length).copy_(total.t());
    at::Tensor probabilities = at::exp(scores - total.unsqueeze(2));
    if (dropout.active()) {
      const at::Tensor keys = rows.token_keys.narrow(0, first, length);
      probabilities = probabilities * probability_factors(dropout, keys, num_heads);
    }
    const at::Tensor result = at::matmul(probabilities, heads_of(v, first, length, num_heads));
    context.narrow(0, first, length).copy_(merge(result));
  });
}

void attention_backward(const at::Tensor& d_context, const at::Tensor& q, const at::Tensor& k,
                        const at::Tensor& v, const at::Tensor& /*context*/,
                        const at::Tensor& logsumexp, const AttentionRows& rows, int64_t num_heads,
                        double scale, const Dropout& dropout, at::Tensor& dq, at::Tensor& dk,
                        at::Tensor& dv) {
  for_each_row(rows, [&](int64_t first, int64_t length) {
    const at::Tensor queries = heads_of(q, first, length, num_heads) * scale;
    const at::Tensor keys = heads_of(k, first, length, num_heads);
    const at::Tensor values = heads_of(v, first, length, num_heads);
    const at::Tensor d_out = heads_of(d_context, first, length, num_heads);
    const at::Tensor total = logsumexp.narrow(0, first, length).t().unsqueeze(2);
    const at::Tensor probabilities = at::exp(at::matmul(queries, keys.transpose(1, 2)) - total);
    at::Tensor d_probabilities = at::matmul(d_out, values.transpose(1, 2));
    at::Tensor dropped = probabilities;
    if (dropout.active()) {
      const at::Tensor token_keys = rows.token_keys.narrow(0, first, length);
      const at::Tensor factors = probability_factors(dropout, token_keys, num_heads);
      dropped = probabilities * factors;
      d_probabilities = d_probabilities * factors;
    }
    const at::Tensor mean = (probabilities * d_probabilities).sum(2, true);
    const at::Tensor d_scores = probabilities * (d_probabilities - mean);
    dq.narrow(0, first, length).copy_(merge(at::matmul(d_scores, keys) * scale));
    dk.narrow(0, first, length).copy_(merge(at::matmul(d_scores.transpose(1, 2), queries)));
    dv.narrow(0, first, length).copy_(merge(at::matmul(dropped.transpose(1, 2), d_out)));
  });
}

}  // namespace pals::plain

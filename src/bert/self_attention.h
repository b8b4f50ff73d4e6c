// Multi-head self-attention with its query, key and value projections, without an output
// projection.
#pragma once

#include <string>

#include "nn/linear.h"

namespace pals {

/// softmax(q k^T / sqrt(head size)) v over the tokens of each row. Used by BERT's layers at H, by
/// projected attention and by attention on top at P.
class SelfAttention {
 public:
  SelfAttention() = default;
  /// Registers `<prefix>{query,key,value}`, all [size, size].
  SelfAttention(ParameterTable& table, const std::string& prefix, int64_t size, int64_t num_heads,
                LinearOptions options);

  /// x [S, D] -> [Q, D]. `layer` and `site` are the place of the probabilities' dropout.
  at::Tensor forward(const Pass& pass, int layer, DropoutSite site, const at::Tensor& x) const;
  /// Gradient of x [S, D], from that of the output [Q, D]. `d_queries` [Q, D] is what reaches the
  /// queries' tokens beside the attention; it is added, and may be overwritten. May be undefined.
  at::Tensor backward(const Pass& pass, int layer, DropoutSite site, const at::Tensor& d_context,
                      at::Tensor d_queries) const;

 private:
  at::Tensor backward_whole(const Pass& pass, const Dropout& dropout, const at::Tensor& d_context,
                            at::Tensor d_queries) const;
  at::Tensor backward_narrowed(const Pass& pass, const Dropout& dropout,
                               const at::Tensor& d_context, at::Tensor d_queries) const;

  Linear qkv_, query_, key_value_;  // the first is the other two side by side
  int64_t size_ = 0, num_heads_ = 1;
  double scale_ = 1.0;
};

}  // namespace pals

// Multi-head self-attention with its query, key and value projections, without an output
// projection.
#pragma once

#include <string>

#include "modules/linear.h"

namespace pals {

/// Queries, keys and values, or their gradients: one product's [S, 3D], or of a narrowed pass
/// queries [Q, D] apart from keys and values [S, 2D].
struct Projections {
  at::Tensor queries;  ///< undefined: they are the first D columns of the rest
  at::Tensor rest;
};

/// A self-attention between its projections and what is made of its context, or between the
/// gradient of that and those of the projections.
struct Attending {
  at::Tensor x, x_queries;  ///< what the projections read, and its queries if narrowed
  Projections values, gradients;
  AttentionHeads heads;
};

/// softmax(q k^T / sqrt(head size)) v over the tokens of each row. Used by BERT's layers at H, by
/// projected attention and by attention on top at P.
class SelfAttention {
 public:
  SelfAttention() = default;
  /// Registers `<prefix>{query,key,value}`, all [size, in_features].
  SelfAttention(ParameterTable& table, const std::string& prefix, int64_t in_features, int64_t size,
                int64_t num_heads, LinearOptions options);

  /// Sets the projections in `to` so that this computes attention(first(x)) with the weights that
  /// these have in `from` (Linear::fold).
  void fold(const Linear& first, const SelfAttention& attention, const ParameterArena& from,
            ParameterArena& to) const {
    qkv_.fold(first, attention.qkv_, from, to);
  }

  /// x [S, in_features] -> [Q, D]. `layer` and `site` are the place of the probabilities' dropout.
  /// An attention `beside` this one is computed with it (Attention::heads).
  at::Tensor forward(const Pass& pass, int layer, DropoutSite site, const at::Tensor& x,
                     AttentionHeads* beside = nullptr) const;
  /// Gradient of x [S, in_features], from that of the output [Q, D]. `d_queries` [Q, in_features]
  /// is what reaches the queries' tokens beside the attention; it is added, and may be overwritten.
  /// May be undefined.
  at::Tensor backward(const Pass& pass, int layer, DropoutSite site, const at::Tensor& d_context,
                      at::Tensor d_queries, AttentionHeads* beside = nullptr) const;

  /// Forward before the attention, and what follows it: keeps on the tape what backward needs.
  Attending project(const Pass& pass, int layer, DropoutSite site, const at::Tensor& x) const;
  void keep(const Pass& pass, const Attending& attending) const;
  /// Backward before the attention, from what keep() kept, and what follows it.
  Attending take(const Pass& pass, int layer, DropoutSite site, const at::Tensor& d_context) const;
  at::Tensor project_backward(const Pass& pass, const Attending& attending,
                              at::Tensor d_queries) const;

 private:
  /// Everything of the heads but the results.
  AttentionHeads heads_of(const Pass& pass, int layer, DropoutSite site,
                          const Projections& values) const;

  Linear qkv_, query_, key_value_;  // the first is the other two side by side
  int64_t size_ = 0, num_heads_ = 1;
  double scale_ = 1.0;
};

/// attention_forward and attention_backward of these heads, and of others `beside` them, into
/// outputs that are defined.
void attend(const AttentionHeads& heads, const AttentionRows& rows,
            const AttentionHeads* beside = nullptr);
void attend_backward(const AttentionHeads& heads, const AttentionRows& rows,
                     const AttentionHeads* beside = nullptr);

}  // namespace pals

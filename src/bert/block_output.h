// What both blocks of a layer end with: LayerNorm(dropout(dense(x)) + residual + terms).
#pragma once

#include <string>
#include <vector>

#include "bert/hooks.h"
#include "modules/linear.h"

namespace pals {

/// Dense layer, dropout, residual and LayerNorm, with the terms of hooks that read the dense output
/// or what LayerNorm makes of it. Passes are not narrowed: all tokens are those that are output.
class BlockOutput {
 public:
  BlockOutput() = default;
  /// Registers `<prefix>dense` [out, in] and `<prefix>LayerNorm`.
  BlockOutput(ParameterTable& table, const std::string& prefix, LayerBlock block,
              int64_t in_features, int64_t out_features, double epsilon, LinearOptions options);

  /// x where backward reads it (Linear::kept).
  at::Tensor kept(const Pass& pass, const at::Tensor& x) const { return dense_.kept(pass, x); }

  /// x [Q, in], residual [Q, out] -> [Q, out]. `term` [Q, out] (may be undefined) is added inside
  /// the LayerNorm. `hooks` may be null.
  at::Tensor forward(const Pass& pass, int layer, const at::Tensor& x, const at::Tensor& residual,
                     const at::Tensor& term, EncoderHooks* hooks) const;

  /// The gradients of the residual, which is also that of the term, and of the dense output (which
  /// may be the same tensor).
  struct Gradients {
    at::Tensor residual, dense;
  };
  Gradients backward(const Pass& pass, int layer, const at::Tensor& dy, EncoderHooks* hooks) const;
  /// From that of the dense output: the gradient of x, and the dense layer's own.
  at::Tensor backward_dense(const Pass& pass, const at::Tensor& d_dense, const at::Tensor& x) const;

 private:
  Dropout dropout(const Pass& pass, int layer) const;
  std::vector<TokenRun> runs(const Pass& pass, int layer, const EncoderHooks* hooks) const;
  /// Of one run's tokens.
  static AddLayerNorm part_of(const Pass& pass, const TokenRun& run, const AddLayerNorm& sum);
  /// What the term of the runs reads that read the normalised sum: leaves the sum in z.
  at::Tensor read_normalised(const Pass& pass, int layer, const std::vector<TokenRun>& runs,
                             const at::Tensor& residual, const at::Tensor& term, at::Tensor& z,
                             EncoderHooks* hooks) const;
  void backward_normalised(const Pass& pass, int layer, const std::vector<TokenRun>& runs,
                           at::Tensor& d_residual, EncoderHooks* hooks) const;

  LayerBlock block_ = LayerBlock::kAttention;
  Linear dense_;
  LayerNorm layer_norm_;
  double epsilon_ = 1e-12;
};

}  // namespace pals

// Dense layers on packed tokens: products with the arena's weights, gradients into the arena.
#pragma once

#include <initializer_list>
#include <string>

#include "kernels/profile.h"
#include "modules/low_rank_term.h"
#include "modules/pass.h"

namespace pals {

/// How a dense layer's parameters stand in the table.
struct LinearOptions {
  int owner = kSharedOwner;
  LearningRateGroup group = LearningRateGroup::kBase;
  bool int8 = false;  ///< computes in int8 where the pass has such weights
};

/// y = x W^T + b, in x's type: fp32 with the master weights, bf16 with the shadow. Several parts of
/// equal input are stored side by side and computed as one product (query, key, value). Where a
/// pass brings low-rank terms of its tasks (Pass::terms), each is a part of the product of its
/// task's tokens, forward and backward. Copyable: copies are the same layer (tied weights).
class Linear {
 public:
  Linear() = default;

  /// Registers `<prefix><part>.weight` [out, in] and `.bias` [out] for each part.
  Linear(ParameterTable& table, const std::string& prefix, std::initializer_list<const char*> parts,
         int64_t in_features, int64_t out_features, LinearOptions options = {});

  /// The layer that consists of `count` of the parts, from number `first` on.
  Linear parts(int64_t first, int64_t count) const;

  int64_t in_features() const { return in_features_; }
  int64_t out_features() const { return out_features_; }  ///< of all parts together

  /// x W^T: [M, in] -> [M, out], without the bias (the next fused block adds it).
  at::Tensor product(const Pass& pass, const at::Tensor& x) const;
  /// x W^T + b.
  at::Tensor forward(const Pass& pass, const at::Tensor& x) const;

  /// y = activation(u), u = x W^T + b, which is y without a tape.
  struct Activated {
    at::Tensor u, y;
  };
  Activated activated(const Pass& pass, Activation activation, const at::Tensor& x) const;
  /// du [M, out], which may be dy, from dy and u; adds to the bias's gradient.
  void backward_activated(const Pass& pass, Activation activation, const at::Tensor& dy,
                          const at::Tensor& u, const at::Tensor& du) const;

  /// Sets this layer's parameters in `to`, in fp32, so that it computes second(first(x)), with the
  /// weights that the two have in `from`: exact but for rounding.
  void fold(const Linear& first, const Linear& second, const ParameterArena& from,
            ParameterArena& to) const;

  at::Tensor bias(const Pass& pass) const;           ///< [out] fp32
  at::Tensor bias_gradient(const Pass& pass) const;  ///< undefined when not training

  /// x where backward_weight will read it, undefined where nothing trains: what a tape need not
  /// keep.
  at::Tensor kept(const Pass& pass, const at::Tensor& x) const;
  /// Adds dy^T x to the weight's gradient, and those of the terms to theirs.
  void backward_weight(const Pass& pass, const at::Tensor& dy, const at::Tensor& x) const;
  /// Adds the column sums of dy to the bias's gradient.
  void backward_bias(const Pass& pass, const at::Tensor& dy) const;
  /// dy W: [M, out] -> [M, in].
  at::Tensor backward_input(const Pass& pass, const at::Tensor& dy) const;
  /// dx += dy W.
  void backward_input_add(const Pass& pass, const at::Tensor& dy, at::Tensor& dx) const;

 private:
  /// x W^T + bias (fp32; may be undefined).
  at::Tensor times_weight(const Pass& pass, const at::Tensor& x, const at::Tensor& bias) const;
  /// activation(x W^T + b) of a pass over several tasks' segments, `biased` or without b.
  at::Tensor grouped(const Pass& pass, std::optional<Activation> activation, const at::Tensor& x,
                     bool biased) const;
  /// The same without terms.
  at::Tensor shared_product(const Pass& pass, const at::Tensor& x, const at::Tensor& bias) const;
  /// The same in int8.
  at::Tensor int8_product(const Pass& pass, const at::Tensor& x, const at::Tensor& bias) const;
  /// The weight in x's type.
  at::Tensor weight_for(const Pass& pass, const at::Tensor& x) const;
  /// The product with x (or a gradient) of as many rows, for the profile.
  Product shape_of(ProductKind kind, const at::Tensor& x) const;

  /// y += the terms of x; dx += what reaches x through them.
  void add_terms(const Pass& pass, const at::Tensor& x, at::Tensor& y) const;
  void add_terms_backward(const Pass& pass, const at::Tensor& dy, at::Tensor& dx) const;
  /// The rows and columns of y or its gradient that a term is added to.
  at::Tensor place_of(const PlacedTerm& placed, const at::Tensor& y) const;

  ParameterId weight_ = -1, bias_ = -1;
  int64_t in_features_ = 0, out_features_ = 0, num_parts_ = 1;
  bool int8_ = false;
};

/// Parameters of a LayerNorm.
class LayerNorm {
 public:
  LayerNorm() = default;
  /// Registers `<prefix>LayerNorm.weight` and `.bias` [size].
  LayerNorm(ParameterTable& table, const std::string& prefix, int64_t size,
            int owner = kSharedOwner);

  /// The block of forward from z to y [M, size], with room for the statistics, which backward takes
  /// off the tape: z, mean and rstd.
  AddLayerNorm forward_block(const Pass& pass, double epsilon, const at::Tensor& z,
                             const at::Tensor& y) const;
  /// That of backward from dy to dz, with gradients of the parameters where they train.
  AddLayerNorm backward_block(const Pass& pass, const at::Tensor& dy, const at::Tensor& dz) const;

 private:
  ParameterId gamma_ = -1, beta_ = -1;
};

}  // namespace pals

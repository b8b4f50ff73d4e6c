#include "nn/linear.h"

namespace pals {

Linear::Linear(ParameterTable& table, const std::string& prefix,
               std::initializer_list<const char*> parts, int64_t in_features, int64_t out_features,
               LinearOptions options)
    : in_features_(in_features),
      out_features_(out_features * static_cast<int64_t>(parts.size())),
      num_parts_(static_cast<int64_t>(parts.size())),
      int8_(options.int8) {
  for (const bool is_bias : {false, true}) {
    ParameterId& first = is_bias ? bias_ : weight_;
    for (const char* part : parts) {
      Parameter row;
      row.name = prefix + part + (is_bias ? ".bias" : ".weight");
      row.shape = is_bias ? std::vector<int64_t>{out_features}
                          : std::vector<int64_t>{out_features, in_features};
      row.owner = options.owner;
      row.group = options.group;
      row.init = is_bias ? Init::kZero : Init::kNormal;
      row.decay = !is_bias;
      row.adjoins_previous = first >= 0;
      const ParameterId id = table.add(std::move(row));
      if (first < 0) first = id;
    }
  }
}

Linear Linear::parts(int64_t first, int64_t count) const {
  TORCH_CHECK(first >= 0 && count > 0 && first + count <= num_parts_, "Linear: parts ", first,
              " to ", first + count, " of ", num_parts_);
  Linear part = *this;
  part.weight_ += static_cast<ParameterId>(first);
  part.bias_ += static_cast<ParameterId>(first);
  part.out_features_ = out_features_ / num_parts_ * count;
  part.num_parts_ = count;
  return part;
}

at::Tensor Linear::weight_for(const Pass& pass, const at::Tensor& x) const {
  return pass.arena.fused_weight(weight_, {out_features_, in_features_}, x.scalar_type());
}

Product Linear::shape_of(ProductKind kind, const at::Tensor& x) const {
  return {kind, x.size(0), in_features_, out_features_, x.scalar_type() != at::kFloat};
}

at::Tensor Linear::int8_product(const Pass& pass, const at::Tensor& x,
                                const at::Tensor& bias) const {
  return pass.int8->product(
      weight_, pass.arena.fused_weight(weight_, {out_features_, in_features_}, at::kFloat), x,
      bias);
}

at::Tensor Linear::times_weight(const Pass& pass, const at::Tensor& x,
                                const at::Tensor& bias) const {
  const BlockTimer timer(shape_of(ProductKind::kForward, x));
  if (int8_ && pass.int8 != nullptr) return int8_product(pass, x, bias);
  const at::Tensor own_bias =
      bias.defined() ? pass.arena.fused_weight(bias_, {out_features_}, x.scalar_type()) : bias;
  const at::Tensor weight = weight_for(pass, x);
  return pass.packed != nullptr ? pass.packed->product(weight_, weight, x, own_bias)
                                : times_transposed(x, weight, own_bias);
}

at::Tensor Linear::product(const Pass& pass, const at::Tensor& x) const {
  return times_weight(pass, x, {});
}

at::Tensor Linear::forward(const Pass& pass, const at::Tensor& x) const {
  return times_weight(pass, x, bias(pass));
}

at::Tensor Linear::bias(const Pass& pass) const {
  return pass.arena.fused_weight(bias_, {out_features_}, at::kFloat);
}

at::Tensor Linear::bias_gradient(const Pass& pass) const {
  return pass.arena.fused_gradient(bias_, {out_features_});
}

at::Tensor Linear::kept(const Pass& pass, const at::Tensor& x) const {
  return pass.arena.table()[weight_].trainable ? x : at::Tensor();
}

void Linear::backward_weight(const Pass& pass, const at::Tensor& dy, const at::Tensor& x) const {
  at::Tensor gradient = pass.arena.fused_gradient(weight_, {out_features_, in_features_});
  if (!gradient.defined()) return;
  const BlockTimer timer(shape_of(ProductKind::kWeightGradient, x));
  add_transposed_times(gradient, dy, x);
}

void Linear::backward_bias(const Pass& pass, const at::Tensor& dy) const {
  const at::Tensor gradient = bias_gradient(pass);
  if (gradient.defined()) add_column_sums(dy, gradient);
}

at::Tensor Linear::backward_input(const Pass& pass, const at::Tensor& dy) const {
  const BlockTimer timer(shape_of(ProductKind::kInputGradient, dy));
  return times(dy, weight_for(pass, dy));
}

void Linear::backward_input_add(const Pass& pass, const at::Tensor& dy, at::Tensor& dx) const {
  const BlockTimer timer(shape_of(ProductKind::kInputGradient, dy));
  add_times(dx, dy, weight_for(pass, dy));
}

LayerNorm::LayerNorm(ParameterTable& table, const std::string& prefix, int64_t size, int owner) {
  for (const bool is_beta : {false, true}) {
    Parameter row;
    row.name = prefix + "LayerNorm" + (is_beta ? ".bias" : ".weight");
    row.shape = {size};
    row.owner = owner;
    row.init = is_beta ? Init::kZero : Init::kOne;
    row.decay = false;
    row.layer_norm = true;
    (is_beta ? beta_ : gamma_) = table.add(std::move(row));
  }
}

}  // namespace pals

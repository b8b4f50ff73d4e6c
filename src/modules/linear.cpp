#include "modules/linear.h"

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

at::Tensor Linear::grouped(const Pass& pass, std::optional<Activation> activation,
                           const at::Tensor& x, bool biased) const {
  const BlockTimer timer(shape_of(ProductKind::kForward, x));
  const ParameterTable& table = pass.arena.table();
  const Parameter &weight = table[weight_], &bias = table[bias_];
  const int64_t own_range = table.range(weight.owner).begin;
  const int64_t own_shadow = table.shadow_range(weight.owner).begin;
  const bool of_tokens = x.size(0) == pass.num_tokens();
  TORCH_CHECK(weight.owner != kSharedOwner && (of_tokens || x.size(0) == pass.num_queries()),
              "grouped products: ", weight.name, " of ", x.size(0), " rows");
  const at::Tensor& offsets = of_tokens ? pass.rows.host_cu_seqlens : pass.rows.host_cu_queries;
  const int32_t* cu = offsets.const_data_ptr<int32_t>();
  std::vector<DenseGroup> groups;
  for (const Segment& segment : *pass.segments) {
    const int64_t shift = table.range(segment.task).begin - own_range;
    const int64_t shadow_shift = table.shadow_range(segment.task).begin - own_shadow;
    const int32_t first = cu[segment.first_row];
    groups.push_back({first - cu[0], cu[segment.last_row] - first,
                      weight.shadow_offset + shadow_shift,
                      biased ? std::optional(bias.offset + shift) : std::nullopt});
  }
  at::Tensor y = pass.empty({x.size(0), out_features_});
  grouped_dense({.groups = groups,
                 .weights = pass.arena.shadow(),
                 .biases = pass.arena.weights(),
                 .activation = activation,
                 .x = x,
                 .y = y,
                 .weight_stride = weight.shadow_stride});
  return y;
}

Linear::Activated Linear::activated(const Pass& pass, Activation activation,
                                    const at::Tensor& x) const {
  if (pass.segments != nullptr) {
    const at::Tensor y = grouped(pass, activation, x, true);
    return {y, y};
  }
  BiasActivation block{.activation = activation, .u = product(pass, x), .bias = bias(pass)};
  // Without a backward pass the activation can take u's place.
  block.y = pass.tape != nullptr ? pass.empty(block.u.sizes()) : block.u;
  bias_activation_forward(block);
  return {block.u, block.y};
}

void Linear::backward_activated(const Pass& pass, Activation activation, const at::Tensor& dy,
                                const at::Tensor& u, const at::Tensor& du) const {
  BiasActivation block{
      .activation = activation, .u = u, .dy = dy, .du = du, .bias_grad = bias_gradient(pass)};
  bias_activation_backward(block);
}

at::Tensor Linear::place_of(const PlacedTerm& placed, const at::Tensor& y) const {
  const int64_t columns = out_features_ / num_parts_;
  return y.narrow(0, placed.first_row, placed.rows).narrow(1, placed.part * columns, columns);
}

void Linear::add_terms(const Pass& pass, const at::Tensor& x, at::Tensor& y) const {
  for (const PlacedTerm& placed : placed_terms(pass, x.size(0), weight_, num_parts_)) {
    placed.term.add(placed.pass, x.narrow(0, placed.first_row, placed.rows), place_of(placed, y));
  }
}

void Linear::add_terms_backward(const Pass& pass, const at::Tensor& dy, at::Tensor& dx) const {
  for (const PlacedTerm& placed : placed_terms(pass, dy.size(0), weight_, num_parts_)) {
    at::Tensor part = dx.narrow(0, placed.first_row, placed.rows);
    placed.term.backward_input_add(placed.pass, place_of(placed, dy), part);
  }
}

at::Tensor Linear::times_weight(const Pass& pass, const at::Tensor& x,
                                const at::Tensor& bias) const {
  if (pass.segments != nullptr) return grouped(pass, std::nullopt, x, bias.defined());
  const BlockTimer timer(shape_of(ProductKind::kForward, x));
  at::Tensor y = shared_product(pass, x, bias);
  add_terms(pass, x, y);
  return y;
}

at::Tensor Linear::shared_product(const Pass& pass, const at::Tensor& x,
                                  const at::Tensor& bias) const {
  if (int8_ && pass.int8 != nullptr) return int8_product(pass, x, bias);
  const at::Tensor own_bias =
      bias.defined() ? pass.arena.fused_weight(bias_, {out_features_}, x.scalar_type()) : bias;
  const at::Tensor weight = weight_for(pass, x);
  return pass.packed != nullptr ? pass.packed->product(weight_, weight, x, own_bias)
                                : times_transposed(x, weight, own_bias);
}

void Linear::fold(const Linear& first, const Linear& second, const ParameterArena& from,
                  ParameterArena& to) const {
  TORCH_CHECK(in_features_ == first.in_features_ && first.out_features_ == second.in_features_ &&
                  out_features_ == second.out_features_,
              "Linear: ", first.in_features_, " to ", second.out_features_, " folded to ",
              in_features_, " to ", out_features_);
  const auto weight = [](const Linear& layer, const ParameterArena& arena) {
    return arena.fused_weight(layer.weight_, {layer.out_features_, layer.in_features_}, at::kFloat);
  };
  const auto bias = [](const Linear& layer, const ParameterArena& arena) {
    return arena.fused_weight(layer.bias_, {layer.out_features_}, at::kFloat);
  };
  const at::Tensor outer = weight(second, from).to(at::kDouble);
  weight(*this, to).copy_(at::mm(outer, weight(first, from).to(at::kDouble)));
  bias(*this, to).copy_(at::mv(outer, bias(first, from).to(at::kDouble)) + bias(second, from));
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
  const bool trains = pass.arena.table()[weight_].trainable || has_terms(pass, weight_, num_parts_);
  return trains ? x : at::Tensor();
}

void Linear::backward_weight(const Pass& pass, const at::Tensor& dy, const at::Tensor& x) const {
  at::Tensor gradient = pass.arena.fused_gradient(weight_, {out_features_, in_features_});
  if (gradient.defined()) {
    pass.aside([gradient, dy, x, shape = shape_of(ProductKind::kWeightGradient, x)]() mutable {
      const BlockTimer timer(shape);
      add_transposed_times(gradient, dy, x);
    });
  }
  for (const PlacedTerm& placed : placed_terms(pass, dy.size(0), weight_, num_parts_)) {
    placed.term.backward_weight(placed.pass, place_of(placed, dy),
                                x.narrow(0, placed.first_row, placed.rows));
  }
}

void Linear::backward_bias(const Pass& pass, const at::Tensor& dy) const {
  const at::Tensor gradient = bias_gradient(pass);
  if (gradient.defined()) pass.aside([dy, gradient] { add_column_sums(dy, gradient); });
}

at::Tensor Linear::backward_input(const Pass& pass, const at::Tensor& dy) const {
  const BlockTimer timer(shape_of(ProductKind::kInputGradient, dy));
  at::Tensor dx = times(dy, weight_for(pass, dy));
  add_terms_backward(pass, dy, dx);
  return dx;
}

void Linear::backward_input_add(const Pass& pass, const at::Tensor& dy, at::Tensor& dx) const {
  const BlockTimer timer(shape_of(ProductKind::kInputGradient, dy));
  add_times(dx, dy, weight_for(pass, dy));
  add_terms_backward(pass, dy, dx);
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

AddLayerNorm LayerNorm::forward_block(const Pass& pass, double epsilon, const at::Tensor& z,
                                      const at::Tensor& y) const {
  return {.z = z,
          .gamma = pass.arena.weight(gamma_),
          .beta = pass.arena.weight(beta_),
          .epsilon = epsilon,
          .y = y,
          .mean = pass.empty_float({z.size(0)}),
          .rstd = pass.empty_float({z.size(0)})};
}

AddLayerNorm LayerNorm::backward_block(const Pass& pass, const at::Tensor& dy,
                                       const at::Tensor& dz) const {
  const auto [z, mean, rstd] = pass.take<3>();
  return {.z = z,
          .gamma = pass.arena.weight(gamma_),
          .mean = mean,
          .rstd = rstd,
          .dy = dy,
          .dz = dz,
          .gamma_grad = pass.arena.gradient(gamma_),
          .beta_grad = pass.arena.gradient(beta_)};
}

}  // namespace pals

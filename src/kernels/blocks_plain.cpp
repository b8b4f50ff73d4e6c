#include <cmath>

#include "kernels/backend.h"

namespace pals::plain {
namespace {

/// fp32 (or double) copy to compute with.
at::Tensor wide(const at::Tensor& x) {
  return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat);
}

/// Whether a gradient tensor is wanted; adds `value` to it if so.
void add_if_wanted(const at::Tensor& target, const at::Tensor& value) {
  if (target.defined()) {
    target.add_(value);
  }
}

at::Tensor sigmoid_slope(const at::Tensor& s) { return s * (1 - s); }

/// 2 * sqrt(2/pi) * (x + 0.044715 x³): gelu_new(x) = x * sigmoid of it.
at::Tensor gelu_new_inner(const at::Tensor& x) {
  return 2 * std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x);
}

at::Tensor activate(Activation activation, const at::Tensor& x) {
  switch (activation) {
    case Activation::kGelu:
      return 0.5 * x * at::erfc(-x * M_SQRT1_2);
    case Activation::kGeluNew:
      return x * at::sigmoid(gelu_new_inner(x));
    case Activation::kRelu:
      return at::relu(x);
    case Activation::kSilu:
      return x * at::sigmoid(x);
  }
  TORCH_CHECK(false, "unknown activation");
}

at::Tensor activation_slope(Activation activation, const at::Tensor& x) {
  switch (activation) {
    case Activation::kGelu:
      return 0.5 * at::erfc(-x * M_SQRT1_2) + x * at::exp(-0.5 * x * x) / std::sqrt(2 * M_PI);
    case Activation::kGeluNew: {
      const at::Tensor s = at::sigmoid(gelu_new_inner(x));
      const at::Tensor inner_slope = 2 * std::sqrt(2 / M_PI) * (1 + 3 * 0.044715 * x * x);
      return s + x * sigmoid_slope(s) * inner_slope;
    }
    case Activation::kRelu:
      return (x > 0).to(x.scalar_type());
    case Activation::kSilu: {
      const at::Tensor s = at::sigmoid(x);
      return s + x * sigmoid_slope(s);
    }
  }
  TORCH_CHECK(false, "unknown activation");
}

/// The factors (0 or 1/(1-p)) of a feature dropout, [M, columns] fp32.
at::Tensor dropout_factors(const Dropout& dropout, const at::Tensor& token_keys, int64_t columns) {
  const at::Tensor keys = token_keys.to(at::kCPU).contiguous();
  at::Tensor factors = at::empty({keys.numel(), columns}, at::kFloat);
  const int32_t* key = keys.const_data_ptr<int32_t>();
  float* out = factors.mutable_data_ptr<float>();
  for (int64_t m = 0; m < keys.numel(); ++m) {
    for (int64_t c = 0; c < columns; ++c) {
      *out++ = dropout_factor(dropout, static_cast<uint32_t>(key[m]), static_cast<uint32_t>(c));
    }
  }
  return factors.to(token_keys.device());
}

/// x [M, columns] after dropout.
at::Tensor dropped(const at::Tensor& x, const Dropout& dropout, const at::Tensor& token_keys) {
  return dropout.active() ? x * dropout_factors(dropout, token_keys, x.size(1)) : x;
}

}  // namespace

void bias_activation_forward(const BiasActivation& block) {
  block.u.copy_(wide(block.u) + block.bias);
  block.y.copy_(activate(block.activation, wide(block.u)));
}

void bias_activation_backward(const BiasActivation& block) {
  const at::Tensor gradient = wide(block.dy) * activation_slope(block.activation, wide(block.u));
  block.du.copy_(gradient);
  add_if_wanted(block.bias_grad, gradient.sum(0));
}

void grouped_dense(const GroupedDense& block) {
  const auto& [groups, weights, biases, activation, x, y, weight_stride] = block;
  const int64_t in = x.size(1), out = y.size(1);
  for (const DenseGroup& group : groups) {
    const at::Tensor weight = weights.as_strided({out, in}, {row_stride(block), 1},
                                                 weights.storage_offset() + group.weight);
    at::Tensor sums = at::mm(wide(x.narrow(0, group.first_row, group.rows)), wide(weight).t());
    if (group.bias) sums = sums + wide(biases.narrow(0, *group.bias, out));
    y.narrow(0, group.first_row, group.rows).copy_(activation ? activate(*activation, sums) : sums);
  }
}

void bias_dropout_forward(const BiasDropout& block) {
  at::Tensor value = wide(block.x);
  if (block.bias.defined()) value = value + block.bias;
  block.x.copy_(dropped(value, block.dropout, block.token_keys));
}

void bias_dropout_backward(const BiasDropout& block) {
  const at::Tensor gradient = dropped(wide(block.dy), block.dropout, block.token_keys);
  add_if_wanted(block.bias_grad, gradient.sum(0));
  block.dx.copy_(gradient);
}

void add_layer_norm_forward(const AddLayerNorm& block) {
  at::Tensor value = wide(block.z);
  if (block.bias.defined()) value = value + block.bias;
  value = dropped(value, block.dropout, block.token_keys);
  if (block.residual.defined()) value = value + wide(block.residual);
  if (block.extra.defined()) value = value + wide(block.extra);
  block.z.copy_(value);
  // Statistics of z as it is kept, so that backward differentiates exactly this function.
  const at::Tensor z = wide(block.z);
  const at::Tensor mean = z.mean(1);
  const at::Tensor centred = z - mean.unsqueeze(1);
  const at::Tensor rstd = (centred * centred).mean(1).add(block.epsilon).rsqrt();
  block.mean.copy_(mean);
  block.rstd.copy_(rstd);
  block.y.copy_(centred * rstd.unsqueeze(1) * block.gamma + block.beta);
}

void add_layer_norm_backward(const AddLayerNorm& block) {
  const at::Tensor d = wide(block.dy), rstd = block.rstd.unsqueeze(1);
  const at::Tensor normed = (wide(block.z) - block.mean.unsqueeze(1)) * rstd;
  const at::Tensor g = d * block.gamma;
  add_if_wanted(block.gamma_grad, (d * normed).sum(0));
  add_if_wanted(block.beta_grad, d.sum(0));
  const at::Tensor inner = g - g.mean(1, true) - normed * (g * normed).mean(1, true);
  const at::Tensor gradient = inner * rstd;
  const at::Tensor dense = dropped(gradient, block.dropout, block.token_keys);
  add_if_wanted(block.bias_grad, dense.sum(0));
  block.dz.copy_(gradient);
  if (block.dx.defined()) block.dx.copy_(dense);
}

void add_column_sums(const ColumnSums& block) { block.sum.add_(wide(block.x).sum(0)); }

void accumulate(const Accumulation& block) { block.target.add_(block.x); }

void quantize_rows(const QuantizedRows& block) {
  const at::Tensor x = wide(block.x), top = x.abs().amax(1);
  block.scales.copy_(at::where(top > 0, top / 127.0, at::ones_like(top)));
  block.bytes.copy_(at::floor(x / block.scales.unsqueeze(1) + 128.5).to(at::kByte));
}

void scale_rows(const ScaledRows& block) {
  const at::Tensor scaled = wide(block.x) * block.scales.unsqueeze(1);
  block.x.copy_(block.bias.defined() ? scaled + block.bias : scaled);
}

}  // namespace pals::plain

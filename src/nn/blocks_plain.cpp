#include "nn/blocks_plain.h"

#include <cmath>

namespace pals::plain {
namespace {

/// fp32 (or double) copy to compute with.
at::Tensor wide(const at::Tensor& x) {
  return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat);
}

/// Whether a gradient tensor is wanted; adds `value` to it if so.
void add_if_wanted(at::Tensor& target, const at::Tensor& value) {
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

}  // namespace

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

void bias_activation_forward(Activation activation, at::Tensor& x, const at::Tensor& bias,
                             at::Tensor& y) {
  x.copy_(wide(x) + bias);
  y.copy_(activate(activation, wide(x)));
}

void grouped_dense_forward(const std::vector<DenseGroup>& groups, const at::Tensor& weights,
                           const at::Tensor& biases, std::optional<Activation> activation,
                           const at::Tensor& x, at::Tensor& y) {
  const int64_t in = x.size(1), out = y.size(1);
  for (const DenseGroup& group : groups) {
    const at::Tensor weight = weights.narrow(0, group.weight, out * in).view({out, in});
    at::Tensor sums = at::mm(wide(x.narrow(0, group.first_row, group.rows)), wide(weight).t());
    if (group.bias) sums = sums + wide(biases.narrow(0, *group.bias, out));
    y.narrow(0, group.first_row, group.rows).copy_(activation ? activate(*activation, sums) : sums);
  }
}

void bias_activation_backward(Activation activation, const at::Tensor& dy, const at::Tensor& u,
                              at::Tensor& du, at::Tensor bias_grad) {
  const at::Tensor gradient = wide(dy) * activation_slope(activation, wide(u));
  du.copy_(gradient);
  add_if_wanted(bias_grad, gradient.sum(0));
}

void bias_dropout_forward(at::Tensor& x, const at::Tensor& bias, const Dropout& dropout,
                          const at::Tensor& token_keys) {
  at::Tensor value = wide(x);
  if (bias.defined()) {
    value = value + bias;
  }
  if (dropout.active()) {
    value = value * dropout_factors(dropout, token_keys, x.size(1));
  }
  x.copy_(value);
}

void bias_dropout_backward(const at::Tensor& dy, const Dropout& dropout,
                           const at::Tensor& token_keys, at::Tensor& dx, at::Tensor bias_grad) {
  at::Tensor gradient = wide(dy);
  if (dropout.active()) {
    gradient = gradient * dropout_factors(dropout, token_keys, dy.size(1));
  }
  add_if_wanted(bias_grad, gradient.sum(0));
  dx.copy_(gradient);
}

void dropout_add_layer_norm_forward(at::Tensor& x, const at::Tensor& bias,
                                    const at::Tensor& residual, const at::Tensor& extra,
                                    const at::Tensor& gamma, const at::Tensor& beta, double epsilon,
                                    const Dropout& dropout, const at::Tensor& token_keys,
                                    at::Tensor& y, at::Tensor& mean, at::Tensor& rstd) {
  at::Tensor value = wide(x);
  if (bias.defined()) {
    value = value + bias;
  }
  if (dropout.active()) {
    value = value * dropout_factors(dropout, token_keys, x.size(1));
  }
  if (residual.defined()) {
    value = value + wide(residual);
  }
  if (extra.defined()) {
    value = value + wide(extra);
  }
  x.copy_(value);
  // Statistics of z as it is kept, so that backward differentiates exactly this function.
  const at::Tensor z = wide(x);
  const at::Tensor mu = z.mean(1);
  const at::Tensor centred = z - mu.unsqueeze(1);
  const at::Tensor inverse = (centred * centred).mean(1).add(epsilon).rsqrt();
  mean.copy_(mu);
  rstd.copy_(inverse);
  y.copy_(centred * inverse.unsqueeze(1) * gamma + beta);
}

void dropout_add_layer_norm_backward(const at::Tensor& dy, const at::Tensor& z,
                                     const at::Tensor& mean, const at::Tensor& rstd,
                                     const at::Tensor& gamma, const Dropout& dropout,
                                     const at::Tensor& token_keys, at::Tensor& dz, at::Tensor& dx,
                                     at::Tensor gamma_grad, at::Tensor beta_grad,
                                     at::Tensor bias_grad) {
  const at::Tensor d = wide(dy);
  const at::Tensor normed = (wide(z) - mean.unsqueeze(1)) * rstd.unsqueeze(1);
  const at::Tensor g = d * gamma;
  add_if_wanted(gamma_grad, (d * normed).sum(0));
  add_if_wanted(beta_grad, d.sum(0));
  const at::Tensor inner = g - g.mean(1, true) - normed * (g * normed).mean(1, true);
  const at::Tensor gradient = inner * rstd.unsqueeze(1);
  at::Tensor dense = gradient;
  if (dropout.active()) {
    dense = dense * dropout_factors(dropout, token_keys, dy.size(1));
  }
  add_if_wanted(bias_grad, dense.sum(0));
  dz.copy_(gradient);
  if (dx.defined()) {
    dx.copy_(dense);
  }
}

void add_column_sums(const at::Tensor& x, at::Tensor sum) { sum.add_(wide(x).sum(0)); }

void accumulate(const at::Tensor& x, at::Tensor target) { target.add_(x); }

void quantize_rows(const at::Tensor& x, at::Tensor& bytes, at::Tensor& scales) {
  const at::Tensor top = wide(x).abs().amax(1);
  scales.copy_(at::where(top > 0, top / 127.0, at::ones_like(top)));
  bytes.copy_(at::floor(wide(x) / scales.unsqueeze(1) + 128.5).to(at::kByte));
}

void scale_rows(at::Tensor& x, const at::Tensor& scales, const at::Tensor& bias) {
  at::Tensor scaled = wide(x) * scales.unsqueeze(1);
  x.copy_(bias.defined() ? scaled + bias : scaled);
}

}  // namespace pals::plain

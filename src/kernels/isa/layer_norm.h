// dropout + bias + residual + extra + LayerNorm, forward and backward, over rows. See vector.h for
// how these files are compiled.
#pragma once

#include "kernels/isa/vector.h"

namespace pals::isa::PALS_ISA_NAME {

template <typename T>
static void layer_norm_forward(const LayerNormArgs& args, int64_t begin, int64_t end) {
  const int64_t columns = args.columns;
  const bool drop = args.dropout.token_keys != nullptr;
  for (int64_t m = begin; m < end; ++m) {
    T* x = row_of<T>(args.x, m);
    const T* residual = args.residual.data != nullptr ? row_of<T>(args.residual, m) : nullptr;
    const T* extra = args.extra.data != nullptr ? row_of<T>(args.extra, m) : nullptr;
    T* y = row_of<T>(args.y, m);
    const DropoutRow row = drop ? dropout_row(args.dropout, m) : DropoutRow{};
    VecF sum = {};
    for_columns(
        columns, [&](int64_t j, auto span) __attribute__((always_inline)) {
          VecF z = load(x + j, span);
          if (args.bias != nullptr) {
            z += load(args.bias + j, span);
          }
          if (drop) {
            z *= dropout_factors(row, j);
          }
          if (residual != nullptr) {
            z += load(residual + j, span);
          }
          if (extra != nullptr) {
            z += load(extra + j, span);
          }
          store(x + j, z, span);
          // Statistics are of z as it is kept (rounded), so that backward differentiates this
          // function.
          sum += load(x + j, span);
        });
    const float mean = sum_lanes(sum) / static_cast<float>(columns);
    VecF squares = {};
    for_columns(
        columns, [&](int64_t j, auto span) __attribute__((always_inline)) {
          const VecF centred = fill_rest(load(x + j, span), span, mean) - mean;
          squares += centred * centred;
        });
    const float variance = sum_lanes(squares) / static_cast<float>(columns);
    const float rstd = 1.0F / __builtin_sqrtf(variance + args.epsilon);
    args.mean[m] = mean;
    args.rstd[m] = rstd;
    for_columns(
        columns, [&](int64_t j, auto span) __attribute__((always_inline)) {
          const VecF normed = (load(x + j, span) - mean) * rstd;
          store(y + j, normed * load(args.gamma + j, span) + load(args.beta + j, span), span);
        });
  }
}

template <typename T>
static void layer_norm_backward(const LayerNormArgs& args, int64_t begin, int64_t end,
                                float* gamma_sums, float* beta_sums, float* bias_sums) {
  const int64_t columns = args.columns;
  const bool drop = args.dropout.token_keys != nullptr;
  const float inverse = 1.0F / static_cast<float>(columns);
  for (int64_t m = begin; m < end; ++m) {
    const T* z = row_of<T>(args.x, m);
    const T* dy = row_of<T>(args.dy, m);
    T* dz = row_of<T>(args.dz, m);
    T* dx = args.dx.data != nullptr ? row_of<T>(args.dx, m) : nullptr;
    const DropoutRow row = drop ? dropout_row(args.dropout, m) : DropoutRow{};
    const float mean = args.mean[m];
    const float rstd = args.rstd[m];
    VecF sum = {};
    VecF product = {};
    for_columns(
        columns, [&](int64_t j, auto span) __attribute__((always_inline)) {
          const VecF d = load(dy + j, span);
          const VecF normed = (load(z + j, span) - mean) * rstd;
          const VecF g = d * load(args.gamma + j, span);
          sum += g;
          product += g * normed;
          if (gamma_sums != nullptr) {
            store(gamma_sums + j, load(gamma_sums + j, span) + d * normed, span);
          }
          if (beta_sums != nullptr) {
            store(beta_sums + j, load(beta_sums + j, span) + d, span);
          }
        });
    const float mean_g = sum_lanes(sum) * inverse;
    const float mean_product = sum_lanes(product) * inverse;
    for_columns(
        columns, [&](int64_t j, auto span) __attribute__((always_inline)) {
          const VecF g = load(dy + j, span) * load(args.gamma + j, span);
          const VecF normed = (load(z + j, span) - mean) * rstd;
          VecF d = (g - mean_g - normed * mean_product) * rstd;
          store(dz + j, d, span);
          if (drop) {
            d *= dropout_factors(row, j);
          }
          if (dx != nullptr) {
            store(dx + j, d, span);
          }
          if (bias_sums != nullptr) {
            store(bias_sums + j, load(bias_sums + j, span) + d, span);
          }
        });
  }
}

}  // namespace pals::isa::PALS_ISA_NAME

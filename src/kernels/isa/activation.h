// bias + activation and bias + dropout, forward and backward, over rows. See vector.h for how these
// files are compiled.
#pragma once

#include "kernels/isa/vector.h"

namespace pals::isa::PALS_ISA_NAME {

/// The normal distribution function and density (times sqrt(2 pi)) of x. The lower tail is
/// e^(-x²/2) t Q(t), t = 1 / (1 + 0.23 |x|), Q fitted to erfcx with a relative error of 1e-7: both
/// tails keep their relative precision, and GELU's derivative needs the exponential anyway.
struct Normal {
  VecF distribution, exponential;
};

PALS_INLINE Normal normal(VecF x) {
  const VecF magnitude = from_bits(bits(x) & 0x7FFFFFFF);
  const VecF t = 1.0F / (magnitude * 0.23F + 1.0F);
  const VecF e = exp(x * x * -0.5F);
  VecF q = broadcast(-0.0762817742F);
  q = q * t + 0.2791156449F;
  q = q * t - 0.2532405614F;
  q = q * t + 0.2710405169F;
  q = q * t - 0.01037977821F;
  q = q * t + 0.1091846186F;
  q = q * t + 0.08861670587F;
  q = q * t + 0.09194460268F;
  const VecF tail = e * (q * t);
  return {x < 0.0F ? tail : 1.0F - tail, e};
}

struct Gelu {
  PALS_INLINE VecF value(VecF x) { return x * normal(x).distribution; }
  PALS_INLINE VecF slope(VecF x) {
    const Normal n = normal(x);
    return n.distribution + x * n.exponential * 0.398942280F;
  }
};

PALS_INLINE VecF sigmoid(VecF x) { return 1.0F / (1.0F + exp(-x)); }

/// The tanh form: x sigmoid(2 sqrt(2/pi) (x + 0.044715 x³)).
struct GeluNew {
  PALS_INLINE VecF inner(VecF x) { return x * (x * x * 0.0713548163F + 1.59576912F); }
  PALS_INLINE VecF value(VecF x) { return x * sigmoid(inner(x)); }
  PALS_INLINE VecF slope(VecF x) {
    const VecF s = sigmoid(inner(x));
    return s + x * s * (1.0F - s) * (x * x * (3 * 0.0713548163F) + 1.59576912F);
  }
};

struct Relu {
  PALS_INLINE VecF value(VecF x) { return x < 0.0F ? VecF{} : x; }
  PALS_INLINE VecF slope(VecF x) { return x > 0.0F ? broadcast(1.0F) : VecF{}; }
};

struct Silu {
  PALS_INLINE VecF value(VecF x) { return x * sigmoid(x); }
  PALS_INLINE VecF slope(VecF x) {
    const VecF s = sigmoid(x);
    return s + x * s * (1.0F - s);
  }
};

template <typename T, typename Function>
static void activation_forward_rows(const BiasActivationArgs& args, int64_t begin, int64_t end) {
  for (int64_t m = begin; m < end; ++m) {
    T* x = row_of<T>(args.x, m);
    T* y = row_of<T>(args.y, m);
    for_columns(
        args.columns, [&](int64_t j, auto span) __attribute__((always_inline)) {
          const VecF u = load(x + j, span) + load(args.bias + j, span);
          store(x + j, u, span);
          store(y + j, Function::value(u), span);
        });
  }
}

template <typename T, typename Function>
static void activation_backward_rows(const BiasActivationArgs& args, int64_t begin, int64_t end,
                                     float* bias_sums) {
  for (int64_t m = begin; m < end; ++m) {
    const T* u = row_of<T>(args.x, m);
    const T* dy = row_of<T>(args.dy, m);
    T* du = row_of<T>(args.y, m);
    for_columns(
        args.columns, [&](int64_t j, auto span) __attribute__((always_inline)) {
          const VecF d = load(dy + j, span) * Function::slope(load(u + j, span));
          store(du + j, d, span);
          if (bias_sums != nullptr) {
            store(bias_sums + j, load(bias_sums + j, span) + d, span);
          }
        });
  }
}

template <typename T>
static void bias_activation_forward(const BiasActivationArgs& args, int64_t begin, int64_t end) {
  switch (args.kind) {
    case kGelu:
      return activation_forward_rows<T, Gelu>(args, begin, end);
    case kGeluNew:
      return activation_forward_rows<T, GeluNew>(args, begin, end);
    case kRelu:
      return activation_forward_rows<T, Relu>(args, begin, end);
    case kSilu:
      return activation_forward_rows<T, Silu>(args, begin, end);
  }
}

template <typename T>
static void bias_activation_backward(const BiasActivationArgs& args, int64_t begin, int64_t end,
                                     float* bias_sums) {
  switch (args.kind) {
    case kGelu:
      return activation_backward_rows<T, Gelu>(args, begin, end, bias_sums);
    case kGeluNew:
      return activation_backward_rows<T, GeluNew>(args, begin, end, bias_sums);
    case kRelu:
      return activation_backward_rows<T, Relu>(args, begin, end, bias_sums);
    case kSilu:
      return activation_backward_rows<T, Silu>(args, begin, end, bias_sums);
  }
}

template <typename T>
static void bias_dropout_forward(const BiasDropoutArgs& args, int64_t begin, int64_t end) {
  for (int64_t m = begin; m < end; ++m) {
    T* x = row_of<T>(args.x, m);
    const bool drop = args.dropout.token_keys != nullptr;
    const DropoutRow row = drop ? dropout_row(args.dropout, m) : DropoutRow{};
    for_columns(
        args.columns, [&](int64_t j, auto span) __attribute__((always_inline)) {
          VecF value = load(x + j, span);
          if (args.bias != nullptr) {
            value += load(args.bias + j, span);
          }
          if (drop) {
            value *= dropout_factors(row, j);
          }
          store(x + j, value, span);
        });
  }
}

template <typename T>
static void bias_dropout_backward(const BiasDropoutArgs& args, int64_t begin, int64_t end,
                                  float* bias_sums) {
  for (int64_t m = begin; m < end; ++m) {
    const T* dy = row_of<T>(args.x, m);
    T* dx = row_of<T>(args.y, m);
    const bool drop = args.dropout.token_keys != nullptr;
    const DropoutRow row = drop ? dropout_row(args.dropout, m) : DropoutRow{};
    for_columns(
        args.columns, [&](int64_t j, auto span) __attribute__((always_inline)) {
          VecF d = load(dy + j, span);
          if (drop) {
            d *= dropout_factors(row, j);
          }
          store(dx + j, d, span);
          if (bias_sums != nullptr) {
            store(bias_sums + j, load(bias_sums + j, span) + d, span);
          }
        });
  }
}

}  // namespace pals::isa::PALS_ISA_NAME

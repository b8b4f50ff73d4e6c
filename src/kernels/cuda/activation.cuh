// The activation functions and their slopes on the device.
#pragma once

#include "kernels/cuda/platform.cuh"

namespace pals::cuda {

/// The normal distribution function of x, and e^(-x²/2). The fit is that of the CPU's kernels
/// (kernels/isa/activation.h): both tails keep their relative precision.
struct Normal {
  float distribution, exponential;
};

__device__ inline Normal normal(float x) {
  constexpr float kHalfLog2E = 0.72134752F;
  const float t = reciprocal(fmaf(fabsf(x), 0.23F, 1.0F));
  const float e = exp2f(x * x * -kHalfLog2E);
  float q = -0.0762817742F;
  q = fmaf(q, t, 0.2791156449F);
  q = fmaf(q, t, -0.2532405614F);
  q = fmaf(q, t, 0.2710405169F);
  q = fmaf(q, t, -0.01037977821F);
  q = fmaf(q, t, 0.1091846186F);
  q = fmaf(q, t, 0.08861670587F);
  q = fmaf(q, t, 0.09194460268F);
  const float tail = e * (q * t);
  return {x < 0.0F ? tail : 1.0F - tail, e};
}

__device__ inline float sigmoid(float x) {
  constexpr float kLog2E = 1.44269504F;
  return reciprocal(1.0F + exp2f(x * -kLog2E));
}

struct Gelu {
  __device__ static float value(float x) { return x * normal(x).distribution; }
  __device__ static float slope(float x) {
    const Normal n = normal(x);
    return n.distribution + x * n.exponential * 0.398942280F;
  }
};

/// The tanh form: x sigmoid(2 sqrt(2/pi) (x + 0.044715 x³)).
struct GeluNew {
  __device__ static float inner(float x) { return x * (x * x * 0.0713548163F + 1.59576912F); }
  __device__ static float value(float x) { return x * sigmoid(inner(x)); }
  __device__ static float slope(float x) {
    const float s = sigmoid(inner(x));
    return s + x * s * (1.0F - s) * (x * x * (3 * 0.0713548163F) + 1.59576912F);
  }
};

struct Relu {
  __device__ static float value(float x) { return x < 0.0F ? 0.0F : x; }
  __device__ static float slope(float x) { return x > 0.0F ? 1.0F : 0.0F; }
};

struct Silu {
  __device__ static float value(float x) { return x * sigmoid(x); }
  __device__ static float slope(float x) {
    const float s = sigmoid(x);
    return s + x * s * (1.0F - s);
  }
};

/// values = the activation of values. The kind is the same for a whole kernel, so it is asked once
/// for all of them.
template <int kWidth>
__device__ inline void activate(isa::ActivationKind kind, float (&values)[kWidth]) {
  const auto apply = [&](auto function) {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) values[i] = function.value(values[i]);
  };
  switch (kind) {
    case isa::kGelu:
      return apply(Gelu{});
    case isa::kGeluNew:
      return apply(GeluNew{});
    case isa::kRelu:
      return apply(Relu{});
    case isa::kSilu:
      return apply(Silu{});
  }
}

/// values = the slopes at values.
template <int kWidth>
__device__ inline void activation_slopes(isa::ActivationKind kind, float (&values)[kWidth]) {
  const auto apply = [&](auto function) {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) values[i] = function.slope(values[i]);
  };
  switch (kind) {
    case isa::kGelu:
      return apply(Gelu{});
    case isa::kGeluNew:
      return apply(GeluNew{});
    case isa::kRelu:
      return apply(Relu{});
    case isa::kSilu:
      return apply(Silu{});
  }
}

}  // namespace pals::cuda

// The number formats of activations, and loads and stores of several of them at once.
#pragma once

#include "kernels/cuda/platform.cuh"

namespace pals::cuda {

/// bf16 and fp16 by their bits.
struct Bf16 {
  uint16_t bits;
};
struct Fp16 {
  uint16_t bits;
};

__device__ inline float to_float(float x) { return x; }
__device__ inline float to_float(Bf16 x) {
  return __uint_as_float(static_cast<uint32_t>(x.bits) << 16);
}
__device__ inline float to_float(Fp16 x) {
#ifdef __CUDACC__
  return __half2float(__ushort_as_half(x.bits));
#else
  return emulator::half_to_float(x.bits);
#endif
}

/// Rounds to the nearest, ties to even; NaN stays NaN.
template <typename T>
__device__ inline T narrow(float x);
template <>
__device__ inline float narrow<float>(float x) {
  return x;
}
template <>
__device__ inline Bf16 narrow<Bf16>(float x) {
#ifdef __CUDACC__
  return {__bfloat16_as_ushort(__float2bfloat16_rn(x))};
#else
  return {emulator::float_to_bfloat16(x)};
#endif
}
template <>
__device__ inline Fp16 narrow<Fp16>(float x) {
#ifdef __CUDACC__
  return {__half_as_ushort(__float2half_rn(x))};
#else
  return {emulator::float_to_half(x)};
#endif
}

/// Two numbers in one register, the first in the low half.
template <typename T>
__device__ inline uint32_t narrow_pair(float low, float high) {
  return narrow<T>(low).bits | static_cast<uint32_t>(narrow<T>(high).bits) << 16;
}
#ifdef __CUDACC__
template <>
__device__ inline uint32_t narrow_pair<Bf16>(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const uint32_t*>(&pair);
}
template <>
__device__ inline uint32_t narrow_pair<Fp16>(float low, float high) {
  const __half2 pair = __floats2half2_rn(low, high);
  return *reinterpret_cast<const uint32_t*>(&pair);
}
#endif

/// kWidth numbers as they lie in memory, moved 16 bytes at a time or, if they are fewer, at once.
template <typename T, int kWidth>
struct alignas(sizeof(T) * kWidth <= 16 ? sizeof(T) * kWidth : 16) Pack {
  T values[kWidth];
};

/// The pack at `from`, of which the first `count` numbers exist; the others are 0. A whole pack
/// must be aligned as one.
template <int kWidth, typename T>
__device__ inline Pack<T, kWidth> load_pack(const T* from, int count) {
  Pack<T, kWidth> pack = {};
  if (count == kWidth) {
#ifndef __CUDACC__
    emulator::check_aligned(from, alignof(Pack<T, kWidth>));
#endif
    pack = *reinterpret_cast<const Pack<T, kWidth>*>(from);
  } else {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      if (i < count) pack.values[i] = from[i];
    }
  }
  return pack;
}

template <typename T, int kWidth>
__device__ inline void store_pack(T* to, const Pack<T, kWidth>& pack, int count) {
  if (count == kWidth) {
#ifndef __CUDACC__
    emulator::check_aligned(to, alignof(Pack<T, kWidth>));
#endif
    *reinterpret_cast<Pack<T, kWidth>*>(to) = pack;
  } else {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      if (i < count) to[i] = pack.values[i];
    }
  }
}

template <typename T, int kWidth>
__device__ inline void widen(const Pack<T, kWidth>& pack, float (&out)[kWidth]) {
#pragma unroll
  for (int i = 0; i < kWidth; ++i) out[i] = to_float(pack.values[i]);
}

template <int kWidth, typename T>
__device__ inline void load_floats(const T* from, int count, float (&out)[kWidth]) {
  widen(load_pack<kWidth>(from, count), out);
}

template <int kWidth, typename T>
__device__ inline Pack<T, kWidth> narrow_all(const float (&values)[kWidth]) {
  Pack<T, kWidth> pack;
  if constexpr (sizeof(T) == 2 && kWidth % 2 == 0) {
#pragma unroll
    for (int i = 0; i < kWidth; i += 2) {
      const uint32_t pair = narrow_pair<T>(values[i], values[i + 1]);
      pack.values[i] = {static_cast<uint16_t>(pair)};
      pack.values[i + 1] = {static_cast<uint16_t>(pair >> 16)};
    }
  } else {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) pack.values[i] = narrow<T>(values[i]);
  }
  return pack;
}

template <int kWidth, typename T>
__device__ inline void store_floats(T* to, const float (&values)[kWidth], int count) {
  store_pack(to, narrow_all<kWidth, T>(values), count);
}

/// First element of a matrix's row.
template <typename T>
__device__ inline T* row_of(const isa::Matrix& matrix, int64_t row) {
  return static_cast<T*>(matrix.data) + row * matrix.stride;
}

/// Calls visit(T{}) with the type that `type` stands for.
template <typename Visit>
void with_type(Type type, const Visit& visit) {
  switch (type) {
    case Type::kFloat:
      return visit(float{});
    case Type::kBFloat16:
      return visit(Bf16{});
    case Type::kHalf:
      return visit(Fp16{});
  }
}

}  // namespace pals::cuda

// Keyed dropout on the device: the bits of kernels/dropout.h.
#pragma once

#include "kernels/cuda/platform.cuh"

namespace pals::cuda {

/// What a token contributes to the hash of its elements.
struct DropoutRow {
  uint32_t low, high;
};

__device__ inline DropoutRow dropout_row(const isa::DropoutArgs& dropout, int64_t token) {
  const uint64_t key = dropout.device_key != nullptr ? *dropout.device_key : dropout.key;
  uint64_t z = key + static_cast<uint32_t>(dropout.token_keys[token]) * 0x9E3779B97F4A7C15ULL;
  z ^= z >> 30;
  z *= 0xBF58476D1CE4E5B9ULL;
  z ^= z >> 27;
  z *= 0x94D049BB133111EBULL;
  z ^= z >> 31;
  return {static_cast<uint32_t>(z), static_cast<uint32_t>(z >> 32)};
}

/// The bits of columns 2 * pair (low half) and 2 * pair + 1 (high half).
__device__ inline uint32_t dropout_bits(const DropoutRow& row, uint32_t pair) {
  uint32_t h = row.low + pair * 0x9E3779B9U;
  h ^= h >> 16;
  h *= 0x7FEB352DU;
  h ^= h >> 15;
  h ^= row.high;
  h *= 0x846CA68BU;
  h ^= h >> 16;
  return h;
}

/// Whether the even and the odd column of a pair are kept.
__device__ inline bool keeps_even(uint32_t bits, uint32_t threshold) {
  return (bits & 0xFFFFU) >= threshold;
}
__device__ inline bool keeps_odd(uint32_t bits, uint32_t threshold) {
  return bits >> 16 >= threshold;
}

/// The factor (0 or the scale) of one column.
__device__ inline float dropout_factor(const isa::DropoutArgs& dropout, const DropoutRow& row,
                                       uint32_t column) {
  const uint32_t bits = dropout_bits(row, column / 2);
  const bool keeps =
      column % 2 == 0 ? keeps_even(bits, dropout.threshold) : keeps_odd(bits, dropout.threshold);
  return keeps ? dropout.scale : 0.0F;
}

/// values *= the factors of columns [first, first + kWidth); first is a multiple of kWidth.
template <int kWidth>
__device__ inline void drop(const isa::DropoutArgs& dropout, const DropoutRow& row, int64_t first,
                            float (&values)[kWidth]) {
  if constexpr (kWidth == 1) {
    values[0] *= dropout_factor(dropout, row, static_cast<uint32_t>(first));
  } else {
#pragma unroll
    for (int i = 0; i < kWidth; i += 2) {
      const uint32_t bits = dropout_bits(row, static_cast<uint32_t>((first + i) / 2));
      values[i] *= keeps_even(bits, dropout.threshold) ? dropout.scale : 0.0F;
      values[i + 1] *= keeps_odd(bits, dropout.threshold) ? dropout.scale : 0.0F;
    }
  }
}

}  // namespace pals::cuda

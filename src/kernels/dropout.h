// Keyed dropout: a mask is a function of (seed, step, place, row id, position, column), so that it
// is the same whatever the packing, the thread count, recomputation or a resumed run.
//
// The bits, for any device to reproduce (all arithmetic is unsigned and wraps around):
// clang-format off
//   mix64(z):  z ^= z >> 30;  z *= 0xBF58476D1CE4E5B9;
//              z ^= z >> 27;  z *= 0x94D049BB133111EB;  z ^= z >> 31
//   r = mix64(key + token_key * 0x9E3779B97F4A7C15)              64 bits, once for each token
//   h = low32(r) + (column >> 1) * 0x9E3779B9                    32 bits, once for each pair of columns
//   h ^= h >> 16;  h *= 0x7FEB352D;  h ^= h >> 15;
//   h ^= high32(r);  h *= 0x846CA68B;  h ^= h >> 16
//   u = the low 16 bits of h for an even column, the high 16 bits for an odd one
// clang-format on
// An element is dropped when u < dropout_threshold(p), else multiplied by dropout_scale(p). The
// column is the feature; for attention probabilities it is head * 4096 + the key's position in its
// row, and the token is the query's.
#pragma once

#include <cstdint>

namespace pals {

/// Dropout at one place of the network in one step. p = 0: none (evaluation).
struct Dropout {
  float p = 0.0F;
  uint64_t key = 0;  ///< dropout_key(seed, step, place)
  /// Where not null, the key stands in the device's memory and is read there when the kernel runs:
  /// recorded work is replayed in later steps. CPU kernels read `key`.
  const uint64_t* device_key = nullptr;

  bool active() const { return p > 0.0F; }
};

/// Columns that each head has to itself in attention dropout: the longest row it can tell apart.
constexpr uint32_t kDropoutColumnsPerHead = 4096;

/// Mixes the step's identity with the place (a number unique to the block and layer in the
/// network).
uint64_t dropout_key(uint64_t seed, uint64_t step, uint32_t place);

/// The part of the key that belongs to a token: a hash of its row's id and its position in the row.
uint32_t dropout_token_key(int64_t row_id, int32_t position);

/// p in units of 1/65536, rounded; at most 65535 (p = 1 drops the rest through a scale of 0).
uint32_t dropout_threshold(float p);

/// What kept elements are multiplied by: 65536 / (65536 - threshold).
float dropout_scale(float p);

/// What one element is multiplied by: 0 or dropout_scale(p). The definition that kernels follow.
float dropout_factor(const Dropout& dropout, uint32_t token_key, uint32_t column);

}  // namespace pals

#include "kernels/dropout.h"

#include <algorithm>
#include <cmath>

namespace pals {
namespace {

constexpr uint64_t kGolden64 = 0x9E3779B97F4A7C15ULL;

uint64_t mix64(uint64_t z) {
  z ^= z >> 30;
  z *= 0xBF58476D1CE4E5B9ULL;
  z ^= z >> 27;
  z *= 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

long rounded_threshold(float p) { return std::lround(static_cast<double>(p) * 65536.0); }

}  // namespace

uint64_t dropout_key(uint64_t seed, uint64_t step, uint32_t place) {
  const uint64_t run = mix64(seed + kGolden64);
  const uint64_t at_step = mix64(run ^ (step * kGolden64 + 1));
  return mix64(at_step + (static_cast<uint64_t>(place) + 1) * kGolden64);
}

uint32_t dropout_token_key(int64_t row_id, int32_t position) {
  const uint64_t row = mix64(static_cast<uint64_t>(row_id) + kGolden64);
  const uint64_t token = mix64(row + (static_cast<uint64_t>(position) + 1) * kGolden64);
  return static_cast<uint32_t>(token >> 32);
}

uint32_t dropout_threshold(float p) {
  return static_cast<uint32_t>(std::clamp(rounded_threshold(p), 0L, 65535L));
}

float dropout_scale(float p) {
  if (rounded_threshold(p) >= 65536) {
    return 0.0F;
  }
  return 65536.0F / static_cast<float>(65536 - dropout_threshold(p));
}

float dropout_factor(const Dropout& dropout, uint32_t token_key, uint32_t column) {
  const uint64_t r = mix64(dropout.key + token_key * kGolden64);
  uint32_t h = static_cast<uint32_t>(r) + (column >> 1) * 0x9E3779B9U;
  h ^= h >> 16;
  h *= 0x7FEB352DU;
  h ^= h >> 15;
  h ^= static_cast<uint32_t>(r >> 32);
  h *= 0x846CA68BU;
  h ^= h >> 16;
  const uint32_t u = (column & 1) == 0 ? h & 0xFFFFU : h >> 16;
  return u < dropout_threshold(dropout.p) ? 0.0F : dropout_scale(dropout.p);
}

}  // namespace pals

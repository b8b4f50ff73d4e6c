// Vectors of floats for one instruction set, and the little mathematics the kernels need. Included
// once by each kernels_<isa>.cpp, inside namespace pals::isa::PALS_ISA_NAME.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "nn/isa/kernel_table.h"

#define PALS_INLINE static inline __attribute__((always_inline))

namespace pals::isa::PALS_ISA_NAME {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef float VecF __attribute__((vector_size(4 * kLanes)));
typedef int32_t VecI __attribute__((vector_size(4 * kLanes)));
typedef VecF UnalignedVecF __attribute__((aligned(4), may_alias));

/// How much of a vector is there: all of it, or the first `count` lanes.
struct Full {
  static constexpr int count = kLanes;
};
struct Partial {
  int count;
};

/// body(column, Full) for whole vectors of `columns`, then body(column, Partial) for the rest.
template <typename Body>
PALS_INLINE void for_columns(int64_t columns, Body body) {
  int64_t column = 0;
  for (; column + kLanes <= columns; column += kLanes) {
    body(column, Full{});
  }
  if (column < columns) {
    body(column, Partial{static_cast<int>(columns - column)});
  }
}

PALS_INLINE VecF broadcast(float x) { return VecF{} + x; }
PALS_INLINE VecI bits(VecF x) { return reinterpret_cast<VecI>(x); }
PALS_INLINE VecF from_bits(VecI x) { return reinterpret_cast<VecF>(x); }

PALS_INLINE VecF load(const float* p, Full) { return *reinterpret_cast<const UnalignedVecF*>(p); }
PALS_INLINE void store(float* p, VecF x, Full) { *reinterpret_cast<UnalignedVecF*>(p) = x; }

// --- bf16: the upper half of a float, rounded to the nearest, ties to even; NaN stays NaN ---

PALS_INLINE VecI rounded_bits(VecF x) {
  const VecI u = bits(x);
  const VecI rounded = u + (((u >> 16) & 1) + 0x7FFF);
  return x == x ? rounded : (u | 0x400000);
}

PALS_INLINE uint16_t to_bf16(float x) {
  union {
    float f;
    uint32_t u;
  } c = {x};
  const uint32_t rounded = c.u + ((c.u >> 16) & 1) + 0x7FFF;
  return static_cast<uint16_t>((x == x ? rounded : (c.u | 0x400000)) >> 16);
}

PALS_INLINE float to_float(uint16_t x) {
  union {
    uint32_t u;
    float f;
  } c = {static_cast<uint32_t>(x) << 16};
  return c.f;
}
PALS_INLINE float to_float(float x) { return x; }
PALS_INLINE void put(float* p, float x) { *p = x; }
PALS_INLINE void put(uint16_t* p, float x) { *p = to_bf16(x); }

#if defined(__AVX512F__)

PALS_INLINE VecF load(const uint16_t* p, Full) {
  const __m512i wide =
      _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  return reinterpret_cast<VecF>(_mm512_slli_epi32(wide, 16));
}
PALS_INLINE void store(uint16_t* p, VecF x, Full) {
  const __m512i upper = _mm512_srli_epi32(reinterpret_cast<__m512i>(rounded_bits(x)), 16);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(upper));
}
PALS_INLINE __mmask16 mask_of(Partial span) {
  return static_cast<__mmask16>((1U << span.count) - 1);
}
PALS_INLINE VecF load(const float* p, Partial span) {
  return reinterpret_cast<VecF>(_mm512_maskz_loadu_ps(mask_of(span), p));
}
PALS_INLINE void store(float* p, VecF x, Partial span) {
  _mm512_mask_storeu_ps(p, mask_of(span), reinterpret_cast<__m512>(x));
}
PALS_INLINE VecF load(const uint16_t* p, Partial span) {
  const __m512i wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask_of(span), p));
  return reinterpret_cast<VecF>(_mm512_slli_epi32(wide, 16));
}
PALS_INLINE void store(uint16_t* p, VecF x, Partial span) {
  const __m512i upper = _mm512_srli_epi32(reinterpret_cast<__m512i>(rounded_bits(x)), 16);
  _mm256_mask_storeu_epi16(p, mask_of(span), _mm512_cvtepi32_epi16(upper));
}
PALS_INLINE VecF sqrt(VecF x) {
  return reinterpret_cast<VecF>(_mm512_sqrt_ps(reinterpret_cast<__m512>(x)));
}

#else

#if defined(__AVX2__)
PALS_INLINE VecF load(const uint16_t* p, Full) {
  const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  return reinterpret_cast<VecF>(_mm256_slli_epi32(wide, 16));
}
PALS_INLINE void store(uint16_t* p, VecF x, Full) {
  const __m256i upper = _mm256_srli_epi32(reinterpret_cast<__m256i>(rounded_bits(x)), 16);
  const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(upper, upper), 0x08);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_castsi256_si128(packed));
}
PALS_INLINE VecF sqrt(VecF x) {
  return reinterpret_cast<VecF>(_mm256_sqrt_ps(reinterpret_cast<__m256>(x)));
}
#else
PALS_INLINE VecF load(const uint16_t* p, Full) {
  const __m128i narrow = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  return reinterpret_cast<VecF>(_mm_unpacklo_epi16(_mm_setzero_si128(), narrow));
}
PALS_INLINE void store(uint16_t* p, VecF x, Full) {
  const __m128i upper = _mm_srai_epi32(reinterpret_cast<__m128i>(rounded_bits(x)), 16);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packs_epi32(upper, upper));
}
PALS_INLINE VecF sqrt(VecF x) {
  return reinterpret_cast<VecF>(_mm_sqrt_ps(reinterpret_cast<__m128>(x)));
}
#endif

template <typename T>
PALS_INLINE VecF load(const T* p, Partial span) {
  VecF x = {};
  for (int i = 0; i < span.count; ++i) {
    x[i] = to_float(p[i]);
  }
  return x;
}
template <typename T>
PALS_INLINE void store(T* p, VecF x, Partial span) {
  for (int i = 0; i < span.count; ++i) {
    put(p + i, x[i]);
  }
}

#endif

/// The lanes that are there, `fill` in the others.
template <typename T, typename Span>
PALS_INLINE VecF load_or(const T* p, Span span, float fill) {
  VecF x = load(p, span);
  for (int i = span.count; i < kLanes; ++i) {
    x[i] = fill;
  }
  return x;
}

PALS_INLINE VecF min(VecF a, VecF b) { return a < b ? a : b; }
PALS_INLINE VecF max(VecF a, VecF b) { return a > b ? a : b; }

PALS_INLINE float sum_lanes(VecF x) {
  float part[kLanes];
  *reinterpret_cast<UnalignedVecF*>(part) = x;
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int i = 0; i < width; ++i) {
      part[i] += part[i + width];
    }
  }
  return part[0];
}

PALS_INLINE float max_lanes(VecF x) {
  float largest = x[0];
  for (int i = 1; i < kLanes; ++i) {
    largest = x[i] > largest ? x[i] : largest;
  }
  return largest;
}

/// e^x to about 1 ulp for x <= 88; 0 below -87.3. Cody-Waite reduction, Taylor polynomial.
PALS_INLINE VecF exp(VecF x) {
  const VecF magic = broadcast(12582912.0F);  // 1.5 * 2^23: adding it rounds to an integer
  const VecF clamped = min(broadcast(88.0F), max(broadcast(-87.3F), x));
  const VecF shifted = clamped * 1.44269504F + magic;
  const VecF n = shifted - magic;
  const VecF r = clamped - n * 0.693359375F + n * 2.12194440e-4F;
  VecF p = broadcast(1.0F / 5040);
  p = p * r + 1.0F / 720;
  p = p * r + 1.0F / 120;
  p = p * r + 1.0F / 24;
  p = p * r + 1.0F / 6;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  const VecF result = from_bits(bits(p) + (bits(shifted) << 23));
  return x >= -87.3F ? result : max(VecF{}, x);  // max hands on its second operand's NaN
}

// --- dropout (the hash of nn/dropout.h) ---

struct DropoutRow {
  uint32_t low, high, threshold;
  float scale;
};

PALS_INLINE DropoutRow dropout_row(const DropoutArgs& dropout, int64_t token) {
  const auto token_key = static_cast<uint32_t>(dropout.token_keys[token]);
  uint64_t z = dropout.key + token_key * 0x9E3779B97F4A7C15ULL;
  z ^= z >> 30;
  z *= 0xBF58476D1CE4E5B9ULL;
  z ^= z >> 27;
  z *= 0x94D049BB133111EBULL;
  z ^= z >> 31;
  return {static_cast<uint32_t>(z), static_cast<uint32_t>(z >> 32), dropout.threshold,
          dropout.scale};
}

#if defined(__AVX2__)
constexpr int kPairs = kLanes / 2;
typedef uint32_t VecPairs __attribute__((vector_size(4 * kPairs)));

PALS_INLINE VecPairs dropout_hash(const DropoutRow& row, int64_t column) {
#if defined(__AVX512F__)
  const VecPairs lane = {0, 1, 2, 3, 4, 5, 6, 7};
#else
  const VecPairs lane = {0, 1, 2, 3};
#endif
  VecPairs h = (lane + static_cast<uint32_t>(column / 2)) * 0x9E3779B9U + row.low;
  h ^= h >> 16;
  h *= 0x7FEB352DU;
  h ^= h >> 15;
  h ^= row.high;
  h *= 0x846CA68BU;
  h ^= h >> 16;
  return h;
}

/// Factors (0 or scale) of columns [column, column + kLanes); column is even.
PALS_INLINE VecF dropout_factors(const DropoutRow& row, int64_t column) {
  const VecPairs h = dropout_hash(row, column);
  const auto threshold = static_cast<int16_t>(row.threshold);
#if defined(__AVX512F__)
  const __mmask16 keep =
      _mm256_cmpge_epu16_mask(reinterpret_cast<__m256i>(h), _mm256_set1_epi16(threshold));
  return reinterpret_cast<VecF>(_mm512_maskz_mov_ps(keep, _mm512_set1_ps(row.scale)));
#else
  const __m128i u = reinterpret_cast<__m128i>(h);
  const __m128i keep = _mm_cmpeq_epi16(_mm_max_epu16(u, _mm_set1_epi16(threshold)), u);
  return from_bits(reinterpret_cast<VecI>(_mm256_cvtepi16_epi32(keep)) &
                   bits(broadcast(row.scale)));
#endif
}
#else
PALS_INLINE VecF dropout_factors(const DropoutRow& row, int64_t column) {
  VecF factors;
  for (int i = 0; i < kLanes; i += 2) {
    uint32_t h = row.low + static_cast<uint32_t>((column + i) / 2) * 0x9E3779B9U;
    h ^= h >> 16;
    h *= 0x7FEB352DU;
    h ^= h >> 15;
    h ^= row.high;
    h *= 0x846CA68BU;
    h ^= h >> 16;
    factors[i] = (h & 0xFFFFU) < row.threshold ? 0.0F : row.scale;
    factors[i + 1] = (h >> 16) < row.threshold ? 0.0F : row.scale;
  }
  return factors;
}
#endif

/// First element of a matrix's row.
template <typename T>
PALS_INLINE T* row_of(const Matrix& matrix, int64_t row) {
  return static_cast<T*>(matrix.data) + row * matrix.stride;
}

}  // namespace pals::isa::PALS_ISA_NAME

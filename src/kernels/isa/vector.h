// Vectors of floats for one instruction set, and the little mathematics the kernels need. Included
// once by each kernels_<isa>.cpp, inside namespace pals::isa::PALS_ISA_NAME.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "kernels/isa/arguments.h"

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
  static constexpr int count = kLanes;  // NOLINT(readability-identifier-naming): as Partial's
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

// Not VecF{} + x: that is an addition, for the sake of -0.
#if defined(__AVX512F__)
PALS_INLINE VecF broadcast(float x) { return reinterpret_cast<VecF>(_mm512_set1_ps(x)); }
#elif defined(__AVX2__)
PALS_INLINE VecF broadcast(float x) { return reinterpret_cast<VecF>(_mm256_set1_ps(x)); }
#else
PALS_INLINE VecF broadcast(float x) { return reinterpret_cast<VecF>(_mm_set1_ps(x)); }
#endif

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
#if defined(__AVX512BF16__)
/// The same but for subnormal numbers, which this instruction takes for 0.
PALS_INLINE __m256i narrowed(VecF x) {
  return reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(reinterpret_cast<__m512>(x)));
}
#else
PALS_INLINE __m256i narrowed(VecF x) {
  const __m512i upper = _mm512_srli_epi32(reinterpret_cast<__m512i>(rounded_bits(x)), 16);
  return _mm512_cvtepi32_epi16(upper);
}
#endif
PALS_INLINE void store(uint16_t* p, VecF x, Full) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), narrowed(x));
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
  _mm256_mask_storeu_epi16(p, mask_of(span), narrowed(x));
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
PALS_INLINE __m256i mask_of(Partial span) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(span.count),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
PALS_INLINE VecF load(const float* p, Partial span) {
  return reinterpret_cast<VecF>(_mm256_maskload_ps(p, mask_of(span)));
}
PALS_INLINE void store(float* p, VecF x, Partial span) {
  _mm256_maskstore_ps(p, mask_of(span), reinterpret_cast<__m256>(x));
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

#if defined(__AVX512F__)
constexpr VecI kLaneNumbers = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#elif defined(__AVX2__)
constexpr VecI kLaneNumbers = {0, 1, 2, 3, 4, 5, 6, 7};
#else
constexpr VecI kLaneNumbers = {0, 1, 2, 3};
#endif

/// x in the lanes that are there, `fill` in the others.
PALS_INLINE VecF fill_rest(VecF x, Full, float) { return x; }
PALS_INLINE VecF fill_rest(VecF x, Partial span, float fill) {
  return kLaneNumbers < span.count ? x : broadcast(fill);
}

/// Both hand on b where a or b is NaN.
#if defined(__AVX512F__)
PALS_INLINE VecF min(VecF a, VecF b) {
  return reinterpret_cast<VecF>(
      _mm512_min_ps(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b)));
}
PALS_INLINE VecF max(VecF a, VecF b) {
  return reinterpret_cast<VecF>(
      _mm512_max_ps(reinterpret_cast<__m512>(a), reinterpret_cast<__m512>(b)));
}
#else
PALS_INLINE VecF min(VecF a, VecF b) { return a < b ? a : b; }
PALS_INLINE VecF max(VecF a, VecF b) { return a > b ? a : b; }
#endif

/// Folds the vector in halves with `combine`: a fixed order, the same for every call.
template <typename Combine>
PALS_INLINE float fold_lanes(VecF x, Combine combine) {
#if defined(__AVX512F__)
  const __m512 whole = reinterpret_cast<__m512>(x);
  const __m256 half = combine(_mm512_castps512_ps256(whole), _mm512_extractf32x8_ps(whole, 1));
#elif defined(__AVX2__)
  const __m256 half = reinterpret_cast<__m256>(x);
#endif
#if defined(__AVX2__)
  const __m128 four = combine(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
#else
  const __m128 four = reinterpret_cast<__m128>(x);
#endif
  const __m128 two = combine(four, _mm_movehl_ps(four, four));
  return combine(two, _mm_shuffle_ps(two, two, 1))[0];
}

PALS_INLINE float sum_lanes(VecF x) {
  return fold_lanes(
      x, [](auto a, auto b) __attribute__((always_inline)) { return a + b; });
}

PALS_INLINE float max_lanes(VecF x) {
  return fold_lanes(
      x, [](auto a, auto b) __attribute__((always_inline)) { return a > b ? a : b; });
}

/// e^x to about 1 ulp for x from -87.3 to 88; beyond, about the value there (AVX-512: 0 below
/// -104); NaN stays. Cody-Waite reduction to |r| <= ln 2 / 2, then 1 + r + r² Q(r), Q fitted there
/// to 1e-8.
PALS_INLINE VecF exp(VecF x) {
#if defined(__AVX512F__)
  const VecF clamped = min(broadcast(88.0F), max(broadcast(-110.0F), x));
  const VecF n = reinterpret_cast<VecF>(_mm512_roundscale_ps(
      reinterpret_cast<__m512>(clamped * 1.44269504F), _MM_FROUND_TO_NEAREST_INT));
#else
  const VecF clamped = min(broadcast(88.0F), max(broadcast(-87.3F), x));
  const VecF magic = broadcast(12582912.0F);  // 1.5 * 2^23: adding it rounds to an integer
  const VecF shifted = clamped * 1.44269504F + magic;
  const VecF n = shifted - magic;
#endif
  const VecF r = clamped - n * 0.693359375F + n * 2.12194440e-4F;
  VecF q = broadcast(0.00139262134663F);
  q = q * r + 0.00836320297158F;
  q = q * r + 0.0416665544377F;
  q = q * r + 0.16666576846F;
  q = q * r + 0.5F;
  q = q * r + 1.0F;
  q = q * r + 1.0F;
#if defined(__AVX512F__)
  return reinterpret_cast<VecF>(
      _mm512_scalef_ps(reinterpret_cast<__m512>(q), reinterpret_cast<__m512>(n)));
#else
  const VecF result = from_bits(bits(q) + (bits(shifted) << 23));
  return x == x ? result : x;
#endif
}

// --- dropout (the hash of kernels/dropout.h) ---

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

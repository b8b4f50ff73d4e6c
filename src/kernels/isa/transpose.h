// Packing of a transposed matrix. See vector.h for how these files are compiled.
#pragma once

#include "kernels/isa/vector.h"

namespace pals::isa::PALS_ISA_NAME {

#if defined(__AVX2__)
constexpr int kTile = 8;
typedef __m256 TileRow;

PALS_INLINE TileRow load_tile_row(const float* p) { return _mm256_loadu_ps(p); }
PALS_INLINE TileRow load_tile_row(const uint16_t* p) {
  const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  return _mm256_castsi256_ps(_mm256_slli_epi32(wide, 16));
}
PALS_INLINE void store_tile_row(float* p, TileRow x) { _mm256_storeu_ps(p, x); }

PALS_INLINE void transpose_tile(TileRow (&r)[kTile]) {
  __m256 pair[8];
  for (int i = 0; i < 8; i += 2) {
    pair[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    pair[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
  __m256 quad[8];
  for (int i = 0; i < 8; i += 4) {
    quad[i] = _mm256_shuffle_ps(pair[i], pair[i + 2], 0x44);
    quad[i + 1] = _mm256_shuffle_ps(pair[i], pair[i + 2], 0xEE);
    quad[i + 2] = _mm256_shuffle_ps(pair[i + 1], pair[i + 3], 0x44);
    quad[i + 3] = _mm256_shuffle_ps(pair[i + 1], pair[i + 3], 0xEE);
  }
  for (int i = 0; i < 4; ++i) {
    r[i] = _mm256_permute2f128_ps(quad[i], quad[i + 4], 0x20);
    r[i + 4] = _mm256_permute2f128_ps(quad[i], quad[i + 4], 0x31);
  }
}
#else
constexpr int kTile = 4;
typedef __m128 TileRow;

PALS_INLINE TileRow load_tile_row(const float* p) { return _mm_loadu_ps(p); }
PALS_INLINE TileRow load_tile_row(const uint16_t* p) {
  return reinterpret_cast<__m128>(load(p, Full{}));
}
PALS_INLINE void store_tile_row(float* p, TileRow x) { _mm_storeu_ps(p, x); }

PALS_INLINE void transpose_tile(TileRow (&r)[kTile]) { _MM_TRANSPOSE4_PS(r[0], r[1], r[2], r[3]); }
#endif

/// out[d][t] = x[t][d] * factor for t < length, d < size; the rest of the `tokens` columns is 0.
template <typename T>
static void pack_transposed(const T* x, int64_t stride, int64_t length, int64_t size, float factor,
                            float* out, int64_t tokens) {
  const int64_t whole = size / kTile * kTile;
  for (int64_t t = 0; t < tokens; t += kTile) {
    for (int64_t d = 0; d < whole; d += kTile) {
      TileRow tile[kTile];
      for (int i = 0; i < kTile; ++i) {
        tile[i] = t + i < length ? load_tile_row(x + (t + i) * stride + d) * factor : TileRow{};
      }
      transpose_tile(tile);
      for (int i = 0; i < kTile; ++i) {
        store_tile_row(out + (d + i) * tokens + t, tile[i]);
      }
    }
    for (int64_t d = whole; d < size; ++d) {
      for (int i = 0; i < kTile; ++i) {
        out[d * tokens + t + i] =
            t + i < length ? to_float(x[(t + i) * stride + d]) * factor : 0.0F;
      }
    }
  }
}

}  // namespace pals::isa::PALS_ISA_NAME

// Rows of activations to bytes and back for int8 products. See vector.h for how these files are
// compiled.
#pragma once

#include "kernels/isa/vector.h"

namespace pals::isa::PALS_ISA_NAME {

#if defined(__AVX512F__)
PALS_INLINE void store_bytes(uint8_t* p, VecF x, Full) {
  const __m512i numbers = _mm512_cvttps_epi32(reinterpret_cast<__m512>(x));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(numbers));
}
#else
PALS_INLINE void store_bytes(uint8_t* p, VecF x, Full) {
  const VecI numbers = __builtin_convertvector(x, VecI);
  for (int lane = 0; lane < kLanes; ++lane) p[lane] = static_cast<uint8_t>(numbers[lane]);
}
#endif

PALS_INLINE void store_bytes(uint8_t* p, VecF x, Partial span) {
  const VecI numbers = __builtin_convertvector(x, VecI);
  for (int lane = 0; lane < span.count; ++lane) p[lane] = static_cast<uint8_t>(numbers[lane]);
}

/// scales[m] = largest |x| of row m / 127 (1 for a row of zeros); out = x / scales[m] rounded, plus
/// 128: numbers from 1 to 255.
template <typename T>
static void quantize_rows(const QuantizeArgs& args, int64_t begin, int64_t end) {
  for (int64_t m = begin; m < end; ++m) {
    const T* row = row_of<T>(args.x, m);
    VecF largest = {};
    for_columns(
        args.columns, [&](int64_t j, auto span) __attribute__((always_inline)) {
          const VecF x = load(row + j, span);
          largest = max(largest, max(x, -x));
        });
    const float top = max_lanes(largest);
    args.scales[m] = top > 0.0F ? top / 127.0F : 1.0F;
    const float inverse = top > 0.0F ? 127.0F / top : 1.0F;
    uint8_t* out = args.bytes + m * args.columns;
    for_columns(
        args.columns, [&](int64_t j, auto span) __attribute__((always_inline)) {
          store_bytes(out + j, load(row + j, span) * inverse + 128.5F, span);
        });
  }
}

/// x = x * scales[m] + bias, in place; the bias may be null.
template <typename T>
static void scale_rows(const QuantizeArgs& args, int64_t begin, int64_t end) {
  for (int64_t m = begin; m < end; ++m) {
    T* row = row_of<T>(args.x, m);
    const float scale = args.scales[m];
    for_columns(
        args.columns, [&](int64_t j, auto span) __attribute__((always_inline)) {
          const VecF x = load(row + j, span) * scale;
          store(row + j, args.bias != nullptr ? x + load(args.bias + j, span) : x, span);
        });
  }
}

}  // namespace pals::isa::PALS_ISA_NAME

// Finds and folds runs of ASCII letters and digits, sixteen bytes at a time.
#pragma once

#include <bit>
#include <cstdint>

#include "text/word_table.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace pals {

constexpr bool is_ascii_upper(unsigned char c) { return c >= 'A' && c <= 'Z'; }

constexpr bool is_ascii_alphanumeric(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || is_ascii_upper(c);
}

/// The letters and digits that a text begins with.
struct AsciiRun {
  WordKey key;        ///< the run, lower-cased if asked for
  uint32_t size = 0;  ///< at most 16: if 16, the run may go on
};

/// Reads 16 bytes from `at`.
inline AsciiRun scan_ascii_run(const char* at, bool do_lower_case) {
  AsciiRun run;
#if defined(__SSE2__)
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  const __m128i lowered = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
  // Signed comparisons: bytes from 0x80 are negative, hence neither letters nor digits.
  const __m128i letters = _mm_and_si128(_mm_cmpgt_epi8(lowered, _mm_set1_epi8('a' - 1)),
                                        _mm_cmplt_epi8(lowered, _mm_set1_epi8('z' + 1)));
  const __m128i digits = _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8('0' - 1)),
                                       _mm_cmplt_epi8(bytes, _mm_set1_epi8('9' + 1)));
  const auto members = static_cast<uint32_t>(_mm_movemask_epi8(_mm_or_si128(letters, digits)));
  run.size = static_cast<uint32_t>(std::countr_one(members));
  const __m128i case_bit = _mm_and_si128(letters, _mm_set1_epi8(do_lower_case ? 0x20 : 0));
  const __m128i folded = _mm_or_si128(bytes, case_bit);
  alignas(16) static constexpr auto kMasks = [] {
    struct {
      unsigned char bytes[32] = {};
    } masks;
    for (int i = 0; i < 16; ++i) masks.bytes[i] = 0xFF;
    return masks;
  }();
  const __m128i kept = _mm_and_si128(
      folded, _mm_loadu_si128(reinterpret_cast<const __m128i*>(kMasks.bytes + 16 - run.size)));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(&run.key), kept);
#else
  char folded[16] = {};
  for (; run.size < 16; ++run.size) {
    const auto c = static_cast<unsigned char>(at[run.size]);
    if (!is_ascii_alphanumeric(c)) break;
    folded[run.size] = static_cast<char>(do_lower_case && is_ascii_upper(c) ? c | 0x20 : c);
  }
  run.key = WordKey::of(folded, run.size);
#endif
  return run;
}

}  // namespace pals

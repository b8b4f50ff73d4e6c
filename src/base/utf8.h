// UTF-8, one code point at a time; input is hostile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pals {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

/// A code point and the number of bytes it took.
struct CodePoint {
  char32_t value = kReplacementCharacter;
  uint32_t size = 1;
};

/// The code point at `at` (at < end). A byte that begins no well-formed sequence (overlong forms,
/// surrogates and values past U+10FFFF are none) gives U+FFFD and size 1.
inline CodePoint decode_utf8(const char* at, const char* end) {
  const auto byte = [at](int i) {
    return static_cast<uint32_t>(static_cast<unsigned char>(at[i]));
  };
  const auto continues = [&byte](int i) { return (byte(i) & 0xC0) == 0x80; };
  const auto available = end - at;
  const uint32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead >= 0xC2 && lead < 0xE0) {
    if (available >= 2 && continues(1)) return {(lead & 0x1F) << 6 | (byte(1) & 0x3F), 2};
  } else if (lead >= 0xE0 && lead < 0xF0) {
    if (available >= 3 && continues(1) && continues(2)) {
      const uint32_t value = (lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
      if (value >= 0x800 && (value < 0xD800 || value > 0xDFFF)) return {value, 3};
    }
  } else if (lead >= 0xF0 && lead < 0xF5) {
    if (available >= 4 && continues(1) && continues(2) && continues(3)) {
      const uint32_t value =
          (lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F);
      if (value >= 0x10000 && value <= 0x10FFFF) return {value, 4};
    }
  }
  return {};
}

/// Writes 1 to 4 bytes and returns their end. `value` must be a Unicode scalar value.
inline char* write_utf8(char32_t value, char* out) {
  if (value < 0x80) {
    *out++ = static_cast<char>(value);
  } else if (value < 0x800) {
    *out++ = static_cast<char>(0xC0 | value >> 6);
    *out++ = static_cast<char>(0x80 | (value & 0x3F));
  } else if (value < 0x10000) {
    *out++ = static_cast<char>(0xE0 | value >> 12);
    *out++ = static_cast<char>(0x80 | (value >> 6 & 0x3F));
    *out++ = static_cast<char>(0x80 | (value & 0x3F));
  } else {
    *out++ = static_cast<char>(0xF0 | value >> 18);
    *out++ = static_cast<char>(0x80 | (value >> 12 & 0x3F));
    *out++ = static_cast<char>(0x80 | (value >> 6 & 0x3F));
    *out++ = static_cast<char>(0x80 | (value & 0x3F));
  }
  return out;
}

/// The UTF-8 form of one scalar value.
inline std::string to_utf8(char32_t value) {
  char bytes[4];
  return {bytes, write_utf8(value, bytes)};
}

/// The offset of the first byte that is not part of well-formed UTF-8 (Unicode table 3-7: no
/// overlong forms, no surrogates, nothing past U+10FFFF); nothing if all is well.
std::optional<size_t> find_invalid_utf8(std::string_view text);

/// The number of code points; `text` must be well formed.
inline size_t count_code_points(std::string_view text) {
  size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

}  // namespace pals

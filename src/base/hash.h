// A fast 128-bit hash of content, for telling files and weights apart; not against forgery.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pals {

/// Hashes a stream of bytes; how it is cut into update() calls makes no difference.
class Hasher128 {
 public:
  void update(const void* data, size_t size);
  void update(std::string_view bytes) { update(bytes.data(), bytes.size()); }

  /// The hash of everything so far, as 32 hexadecimal digits. More may follow.
  std::string hex() const;

 private:
  void mix_block(const unsigned char* block);

  uint64_t low_ = 0x243f6a8885a308d3;  // digits of pi
  uint64_t high_ = 0x13198a2e03707344;
  uint64_t length_ = 0;
  std::array<unsigned char, 16> pending_{};  // length_ % 16 bytes are valid
};

/// The hash of one piece of bytes.
std::string content_hash_hex(std::string_view bytes);

/// The hash of a file's content. Throws Error as MappedFile does.
std::string file_hash_hex(const std::string& path);

}  // namespace pals

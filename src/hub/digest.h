// SHA-1 and SHA-256, by which hubs name the content of files.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pals {

enum class DigestKind { kSha1, kSha256 };

/// Digests a stream of bytes; how it is cut into update() calls makes no difference.
class Digest {
 public:
  explicit Digest(DigestKind kind);

  void update(std::string_view bytes);

  /// Of everything so far, in lower-case hexadecimal digits (40 or 64). Ends the stream.
  std::string hex();

 private:
  static constexpr size_t kBlock = 64;
  void mix_sha1(const unsigned char* block);
  void mix_sha256(const unsigned char* block);
  void mix(const unsigned char* block);

  DigestKind kind_;
  std::array<uint32_t, 8> state_{};
  std::array<unsigned char, kBlock> pending_{};  // length_ % kBlock bytes are valid
  uint64_t length_ = 0;
};

/// The digest of a file's content that an ETag of a hub states: sha256 (64 digits), or the sha1
/// that git gives the file's content (40), which begins with its size.
Digest content_digest(std::string_view etag, uint64_t size);

}  // namespace pals

#include "base/hash.h"

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>

#include "base/file.h"
#include "base/random.h"

namespace pals {
namespace {

static_assert(std::endian::native == std::endian::little, "the hash reads words little-endian");

constexpr uint64_t kLowFactor = 0x9e3779b97f4a7c15;  // odd: multiplication loses nothing
constexpr uint64_t kHighFactor = 0xc2b2ae3d27d4eb4f;

uint64_t load_word(const unsigned char* bytes) {
  uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof(word));
  return word;
}

}  // namespace

// Every step is a bijection of the state for a given block, so a single changed block always
// changes the hash.
void Hasher128::mix_block(const unsigned char* block) {
  low_ = std::rotl((low_ ^ load_word(block)) * kLowFactor, 29) + high_;
  high_ = std::rotl((high_ ^ load_word(block + 8)) * kHighFactor, 33) + low_;
}

void Hasher128::update(const void* data, size_t size) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  const size_t filled = length_ % pending_.size();
  length_ += size;
  if (filled > 0) {
    const size_t taken = std::min(size, pending_.size() - filled);
    std::copy_n(bytes, taken, pending_.data() + filled);
    if (filled + taken < pending_.size()) return;
    mix_block(pending_.data());
    bytes += taken;
    size -= taken;
  }
  for (; size >= pending_.size(); bytes += pending_.size(), size -= pending_.size()) {
    mix_block(bytes);
  }
  std::copy_n(bytes, size, pending_.data());
}

std::string Hasher128::hex() const {
  Hasher128 last = *this;
  std::fill(last.pending_.begin() + static_cast<std::ptrdiff_t>(length_ % pending_.size()),
            last.pending_.end(), static_cast<unsigned char>(0));
  last.mix_block(last.pending_.data());
  last.low_ ^= length_;
  // Rounds that spread every bit of either lane over both.
  for (int round = 0; round < 3; ++round) {
    last.low_ = mix64(last.low_ + last.high_);
    last.high_ = mix64(last.high_ ^ std::rotl(last.low_, 23)) + last.low_;
  }
  char text[33];
  std::snprintf(text, sizeof(text), "%016llx%016llx", static_cast<unsigned long long>(last.high_),
                static_cast<unsigned long long>(last.low_));
  return text;
}

std::string content_hash_hex(std::string_view bytes) {
  Hasher128 hasher;
  hasher.update(bytes);
  return hasher.hex();
}

std::string file_hash_hex(const std::string& path) {
  return content_hash_hex(MappedFile(path).bytes());
}

}  // namespace pals

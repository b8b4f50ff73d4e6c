#include "base/checksum.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "base/crc32c.h"

namespace pals {
namespace {

using Lanes = std::array<uint32_t, 4>;

#if defined(__x86_64__)
// `words` of 8 bytes of each of four pieces that lie `words` words apart.
__attribute__((target("sse4.2"))) void add_words(const char* data, size_t words, Lanes& lanes) {
  uint64_t a = ~lanes[0], b = ~lanes[1], c = ~lanes[2], d = ~lanes[3];
  const auto load = [&](size_t lane, size_t word) {
    uint64_t value = 0;
    std::memcpy(&value, data + 8 * (lane * words + word), sizeof(value));
    return value;
  };
  for (size_t word = 0; word < words; ++word) {
    a = __builtin_ia32_crc32di(a, load(0, word));
    b = __builtin_ia32_crc32di(b, load(1, word));
    c = __builtin_ia32_crc32di(c, load(2, word));
    d = __builtin_ia32_crc32di(d, load(3, word));
  }
  lanes = {~static_cast<uint32_t>(a), ~static_cast<uint32_t>(b), ~static_cast<uint32_t>(c),
           ~static_cast<uint32_t>(d)};
}
#endif

void add_block(std::string_view block, Lanes& lanes) {
  const size_t words = block.size() / 32, quarter = 8 * words;
  bool done = false;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2") != 0) {
    add_words(block.data(), words, lanes);
    done = true;
  }
#endif
  for (size_t lane = 0; lane < lanes.size() && !done; ++lane) {
    lanes[lane] = crc32c(block.substr(lane * quarter, quarter), lanes[lane]);
  }
  lanes[0] = crc32c(block.substr(4 * quarter), lanes[0]);
}

}  // namespace

void Checksum128::update(std::string_view bytes) {
  length_ += bytes.size();
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), kBlock))) {
    add_block(bytes.substr(0, kBlock), lanes_);
  }
}

std::string Checksum128::hex() const {
  char text[33];
  // The length takes part, so that a piece of no bytes differs from none at its place.
  std::snprintf(text, sizeof(text), "%08x%08x%08x%08x", lanes_[0], lanes_[1], lanes_[2],
                lanes_[3] ^ static_cast<uint32_t>(length_));
  return text;
}

}  // namespace pals

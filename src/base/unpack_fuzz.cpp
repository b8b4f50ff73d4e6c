// Fuzz target: compressed data of any kind; what is given does not depend on the pieces.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unpack.h"

namespace {

/// The content, and whether it is whole.
struct Unpacked {
  std::string content;
  bool whole = false;
};

Unpacked unpack(pals::Compression compression, std::string_view bytes, size_t piece) {
  Unpacked unpacked;
  try {
    pals::Unpacker unpacker(compression, "fuzz");
    for (size_t at = 0; at < bytes.size(); at += piece) {
      unpacker.add(bytes.substr(at, piece), unpacked.content);
    }
    unpacker.finish();
    unpacked.whole = true;
  } catch (const pals::Error&) {
  }
  return unpacked;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (const auto compression : {pals::Compression::kGzip, pals::Compression::kZstd}) {
    const Unpacked one = unpack(compression, bytes, size + 1),
                   other = unpack(compression, bytes, 61);
    if (one.whole && other.whole && one.content != other.content) std::abort();
    if (one.whole != other.whole && one.content.size() < (size_t{1} << 20)) std::abort();
  }
  return 0;
}

// Any bytes as an index of shards: an Error, or names of files that stay in a folder.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "checkpoint/shard_index.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    for (const std::string& name : pals::parse_shard_index(bytes, "fuzz")) {
      if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos) std::abort();
    }
  } catch (const pals::Error&) {
  }
  return 0;
}

// Any bytes as a tar archive: an Error, or files whose names stay within it and whose bytes do too.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/error.h"
#include "serve/tar.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view archive(reinterpret_cast<const char*>(data), size);
  try {
    for (const pals::TarEntry& entry : pals::read_tar(archive, "tar")) {
      const bool is_inside = entry.bytes.data() >= archive.data() &&
                             entry.bytes.data() + entry.bytes.size() <= archive.data() + size;
      if (!is_inside || entry.name.starts_with('/') ||
          ("/" + entry.name + "/").find("/../") != std::string::npos) {
        std::abort();
      }
    }
  } catch (const pals::Error&) {
  }
  return 0;
}

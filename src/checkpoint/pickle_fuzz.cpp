// Fuzz target: any bytes as a PyTorch file. The first byte chooses what the rest is: a file of
// either format, or the pickle of a zip file, which checksums would otherwise shield.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "checkpoint/pickle.h"
#include "checkpoint/pytorch_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    if (data[0] % 2 == 0) {
      pals::parse_pytorch_file(bytes, "fuzz");
    } else {
      pals::read_pickle(bytes, "fuzz");
    }
  } catch (const pals::Error&) {
  }
  return 0;
}

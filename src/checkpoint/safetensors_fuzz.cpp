// Fuzz target: any bytes as a safetensors file.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "checkpoint/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    pals::parse_safetensors({reinterpret_cast<const char*>(data), size}, "fuzz");
  } catch (const pals::Error&) {
  }
  return 0;
}

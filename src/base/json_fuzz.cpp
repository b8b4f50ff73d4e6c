// Feeds parse_json with anything: it accepts or throws Error, and what it accepts survives a round
// trip through text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "base/json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  pals::Json value;
  try {
    value = pals::parse_json(text, "input");
  } catch (const pals::Error&) {
    return 0;
  }
  if (pals::parse_json(pals::json_text(value), "output") != value) std::abort();
  return 0;
}

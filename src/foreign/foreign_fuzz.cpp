// Fuzz target: any bytes as an adapter of another package: its configuration, that of its head, and
// a safetensors file, with zero bytes between.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "checkpoint/safetensors.h"
#include "foreign/hub.h"
#include "foreign/hub_head.h"
#include "foreign/peft.h"

namespace {

// What was read names its tensors as a task's folder has them.
void check(const pals::ForeignAdapter& adapter) {
  for (const pals::TensorEntry& tensor : adapter.tensors) {
    if (tensor.name.starts_with("layer.") || tensor.name.starts_with("classifier.") ||
        tensor.name.starts_with("pooler.") || tensor.name.starts_with("qa_outputs.")) {
      continue;
    }
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t first = bytes.find('\0');
  const size_t second = first == bytes.npos ? first : bytes.find('\0', first + 1);
  if (second == bytes.npos) return 0;
  try {
    const pals::Json config = pals::parse_json(bytes.substr(0, first), "fuzz");
    pals::TensorFile weights = pals::parse_safetensors(bytes.substr(second + 1), "fuzz");
    if (config.is_object() && config.contains("peft_type")) {
      check(pals::parse_peft_adapter(config, weights, "fuzz"));
      return 0;
    }
    pals::ForeignAdapter adapter;
    try {
      adapter = pals::parse_hub_adapter(config, weights, "fuzz");
      check(adapter);
    } catch (const pals::Error&) {  // the head may be sound
    }
    const pals::Json head = pals::parse_json(bytes.substr(first + 1, second - first - 1), "fuzz");
    pals::add_hub_head(head, weights, "fuzz", adapter);
    check(adapter);
  } catch (const pals::Error&) {
  }
  return 0;
}

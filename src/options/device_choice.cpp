#include "options/device_choice.h"

#include <limits>

#include "base/error.h"
#include "base/text_util.h"

namespace pals {

bool read_text(std::string_view text, DeviceChoice& device) {
  const size_t colon = text.find(':');
  const std::optional<DeviceType> type = from_name<DeviceType>(text.substr(0, colon));
  if (!type) return false;
  DeviceChoice chosen = {*type};
  if (colon != std::string_view::npos) {
    const std::optional<int64_t> number = parse_int(text.substr(colon + 1));
    const bool numbered = *type == DeviceType::kGpu || *type == DeviceType::kSimulated;
    if (!numbered || !number || *number < 0 || *number > std::numeric_limits<int>::max()) {
      return false;
    }
    chosen.number = static_cast<int>(*number);
  }
  device = chosen;
  return true;
}

std::string text_of(const DeviceChoice& device) {
  return concat(name_of(device.type), device.number ? concat(":", *device.number) : "");
}

std::vector<std::string> known_texts(const DeviceChoice& /*device*/) {
  return {"auto", "cpu", "cuda", "cuda:NUMBER"};
}

}  // namespace pals

// The device that a user asks for: "auto", "cpu", "cuda" or "cuda:NUMBER".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/names.h"

namespace pals {

/// kAuto: a GPU where there is one. kSimulated: what stands in for a GPU in tests.
enum class DeviceType { kAuto, kCpu, kGpu, kSimulated };
inline constexpr Name<DeviceType> kDeviceTypeNames[] = {{DeviceType::kAuto, "auto"},
                                                        {DeviceType::kCpu, "cpu"},
                                                        {DeviceType::kGpu, "cuda"},
                                                        {DeviceType::kSimulated, "privateuseone"}};
constexpr std::span<const Name<DeviceType>> names_of(DeviceType) { return kDeviceTypeNames; }

struct DeviceChoice {
  DeviceType type = DeviceType::kAuto;
  std::optional<int> number = {};  ///< of GPUs, from 0; not given: each rank takes its own

  bool operator==(const DeviceChoice&) const = default;
};

/// False, with `device` as it was, if the text names no device.
bool read_text(std::string_view text, DeviceChoice& device);

/// The text that read_text reads.
std::string text_of(const DeviceChoice& device);

/// What help and messages say can be chosen.
std::vector<std::string> known_texts(const DeviceChoice& device);

}  // namespace pals

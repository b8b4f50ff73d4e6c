#include "nn/device.h"

#include <array>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/text_util.h"
#include "nn/load_accelerator.h"

namespace pals {
namespace {

constexpr auto kDeviceTypes = static_cast<size_t>(c10::COMPILE_TIME_MAX_DEVICE_TYPES);
constexpr const char* kGpu = "cuda";

std::array<const Accelerator*, kDeviceTypes>& accelerators() {
  static std::array<const Accelerator*, kDeviceTypes> by_type{};
  return by_type;
}

// The accelerator for GPUs, loaded when it is first asked for.
const LoadedAccelerator& gpus() {
  static const LoadedAccelerator once = [] {
    LoadedAccelerator found = load_accelerator(usual_accelerator_files());
    if (found.accelerator != nullptr) add_accelerator(found.accelerator);
    return found;
  }();
  return once;
}

// The accelerator whose devices have this type's name; null for unknown names.
const Accelerator* find_accelerator(const std::string& type, const std::string& name) {
  if (type == kGpu && gpus().accelerator == nullptr) {
    fail_usage("--device ", name, " cannot be had: ", gpus().problem, "; take --device cpu");
  }
  if (type == kGpu) return gpus().accelerator;
  for (const Accelerator* accelerator : accelerators()) {
    if (accelerator != nullptr && c10::DeviceTypeName(accelerator->type(), true) == type) {
      return accelerator;
    }
  }
  return nullptr;
}

// "cuda" or "cuda:N": the accelerator, and the number if there is one.
std::pair<const Accelerator*, std::optional<int64_t>> parse_name(const std::string& name) {
  const size_t colon = name.find(':');
  std::optional<int64_t> number;
  if (colon != std::string::npos) number = parse_int(name.substr(colon + 1));
  const bool numbered = colon == std::string::npos || (number && *number >= 0);
  const Accelerator* accelerator =
      numbered ? find_accelerator(name.substr(0, colon), name) : nullptr;
  if (accelerator == nullptr) {
    fail_usage("--device: ", quote(name), " is unknown, expected auto, cpu, cuda or cuda:NUMBER");
  }
  return {accelerator, number};
}

at::Device device_of(const Accelerator& accelerator, int64_t number, const std::string& name) {
  const int count = accelerator.device_count();
  if (count == 0) fail_usage("--device ", name, ": the driver finds no GPU; take --device cpu");
  if (number >= count) {
    fail_usage("--device ", name, ": no GPU of number ", number, ", there ",
               count == 1 ? "is 1" : concat("are ", count), ", numbered from 0");
  }
  return {accelerator.type(), static_cast<c10::DeviceIndex>(number)};
}

}  // namespace

at::Device choose_device(const std::string& name, const LocalRank& local) {
  if (name == "cpu") return at::kCPU;
  if (name == "auto") {
    const bool enough = count_devices(name) >= local.size;
    return enough ? device_of(*gpus().accelerator, local.rank, name) : at::kCPU;
  }
  const auto [accelerator, number] = parse_name(name);
  if (number) return device_of(*accelerator, *number, name);
  // A launcher may show each rank one GPU of its own.
  return device_of(*accelerator, accelerator->device_count() == 1 ? 0 : local.rank, name);
}

int count_devices(const std::string& name) {
  if (name == "cpu") return 1;
  if (name == "auto") {
    return gpus().accelerator == nullptr ? 0 : gpus().accelerator->device_count();
  }
  const auto [accelerator, number] = parse_name(name);
  return number ? 1 : accelerator->device_count();
}

std::string device_name(at::Device device) {
  const Accelerator* accelerator = accelerator_of(device);
  if (accelerator == nullptr) return "cpu";
  return concat(device.str(), " (", accelerator->info(device.index()).name, ")");
}

void report_device(at::Device device) {
  if (!device.is_cpu()) log_info("device: ", device_name(device));
}

void add_accelerator(const Accelerator* accelerator) {
  accelerators()[static_cast<size_t>(accelerator->type())] = accelerator;
  set_block_table(accelerator->type(), &accelerator->blocks());
}

const Accelerator* accelerator_of(at::Device device) {
  return accelerators()[static_cast<size_t>(device.type())];
}

void synchronize(at::Device device) {
  if (const Accelerator* accelerator = accelerator_of(device)) {
    accelerator->synchronize(device.index());
  }
}

}  // namespace pals

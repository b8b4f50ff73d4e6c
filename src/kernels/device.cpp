#include "kernels/device.h"

#include <array>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "base/text_util.h"
#include "kernels/load_accelerator.h"

namespace pals {
namespace {

constexpr auto kDeviceTypes = static_cast<size_t>(c10::COMPILE_TIME_MAX_DEVICE_TYPES);

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

// The accelerator that a choice asks for.
const Accelerator& accelerator_for(const DeviceChoice& choice) {
  const bool simulated = choice.type == DeviceType::kSimulated;
  const Accelerator* found =
      simulated ? accelerator_of(at::Device(at::kPrivateUse1)) : gpus().accelerator;
  if (found == nullptr) {
    fail_usage("--device ", text_of(choice),
               " cannot be had: ", simulated ? "it is for tests" : gpus().problem,
               "; take --device cpu");
  }
  return *found;
}

at::Device device_of(const Accelerator& accelerator, int number, const DeviceChoice& choice) {
  const int count = accelerator.device_count();
  const std::string name = text_of(choice);
  if (count == 0) fail_usage("--device ", name, ": the driver finds no GPU; take --device cpu");
  if (number >= count) {
    fail_usage("--device ", name, ": no GPU of number ", number, ", there ",
               count == 1 ? "is 1" : concat("are ", count), ", numbered from 0");
  }
  return {accelerator.type(), static_cast<c10::DeviceIndex>(number)};
}

}  // namespace

at::Device choose_device(const DeviceChoice& choice, const LocalRank& local) {
  if (choice.type == DeviceType::kCpu) return at::kCPU;
  if (choice.type == DeviceType::kAuto) {
    const bool enough = count_devices(choice) >= local.size;
    return enough ? device_of(*gpus().accelerator, local.rank, choice) : at::kCPU;
  }
  const Accelerator& accelerator = accelerator_for(choice);
  // A launcher may show each rank one GPU of its own.
  const int own = accelerator.device_count() == 1 ? 0 : local.rank;
  return device_of(accelerator, choice.number.value_or(own), choice);
}

int count_devices(const DeviceChoice& choice) {
  if (choice.type == DeviceType::kCpu) return 1;
  if (choice.type == DeviceType::kAuto) {
    return gpus().accelerator == nullptr ? 0 : gpus().accelerator->device_count();
  }
  const Accelerator& accelerator = accelerator_for(choice);
  return choice.number ? 1 : accelerator.device_count();
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
  set_backend(accelerator->type(), &accelerator->backend());
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

#include "train/placement.h"

#include <algorithm>

#include "base/error.h"
#include "dist/world.h"
#include "kernels/device.h"

namespace pals {
namespace {

DeviceChoice device_option(const TrainOptions& options) {
  if (!options.no_cuda) return options.device;
  const DeviceType type = options.device.type;
  if (type != DeviceType::kAuto && type != DeviceType::kCpu) {
    fail_usage("--no_cuda contradicts --device ", text_of(options.device));
  }
  return {DeviceType::kCpu};
}

}  // namespace

at::Device choose_device(const TrainOptions& options, const Launch& launch) {
  return choose_device(device_option(options), local_rank(launch));
}

int processes_to_start(const TrainOptions& options, const Launch& launch) {
  if (!launch.launcher.empty()) return 1;
  return options.nproc ? *options.nproc : std::max(1, count_devices(device_option(options)));
}

}  // namespace pals

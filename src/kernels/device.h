// The device that a model computes on: the CPU, or one that an accelerator brings.
#pragma once

#include <c10/core/Device.h>

#include <string>

#include "kernels/accelerator.h"
#include "options/device_choice.h"

namespace pals {

/// Where a process stands among those of its machine that compute together.
struct LocalRank {
  int rank = 0, size = 1;
};

/// The device that was chosen. Of GPUs without a number each of several ranks takes the one of its
/// number, or the only one that it sees; kAuto takes one of them where there are GPUs for all
/// ranks, else the CPU. Throws UsageError for a GPU that cannot be had: it says what is missing.
at::Device choose_device(const DeviceChoice& choice, const LocalRank& local = {});

/// How many devices the choice leaves: of GPUs without a number and of kAuto all GPUs (none where
/// there are none, for kAuto); else one. Throws UsageError as choose_device() does.
int count_devices(const DeviceChoice& choice);

/// "cpu", or "cuda:0 (NVIDIA H100 80GB HBM3)".
std::string device_name(at::Device device);

/// Says on stderr which device is used, if it is not the CPU.
void report_device(at::Device device);

/// Makes an accelerator, which lives until the program ends, that of its type's devices.
void add_accelerator(const Accelerator* accelerator);

/// The accelerator of a device; null for the CPU.
const Accelerator* accelerator_of(at::Device device);

/// Waits until the device has done all that it was given.
void synchronize(at::Device device);

}  // namespace pals

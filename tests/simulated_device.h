// A device for tests of what runs on GPUs: its memory is the host's, but out of the host's reach
// while none of its operators runs, and its tensors are of another device.
#pragma once

#include <ATen/ATen.h>

#include "kernels/accelerator.h"
#include "options/device_choice.h"

namespace pals::testing {

/// As --device names it.
inline constexpr DeviceChoice kSimulatedDevice = {DeviceType::kSimulated};

/// The device; registers it when first asked for. Operators run on the CPU's kernels, on the same
/// memory: results are the CPU's. Operators that mix devices throw. Memory that is new is full of
/// NaNs. Work is recorded by keeping it and running it again.
at::Device simulated_device();

/// Its accelerator; PALS_SIMULATED_DEVICES says how many devices there are (1),
/// PALS_SIMULATED_FIRST which one of the machine is the first (0). Processes speak through the
/// store that they meet in.
Accelerator* simulated_accelerator();

/// Has so many bytes be free from now on, at most 2 GiB in all; allocations beyond throw
/// c10::OutOfMemoryError.
void set_free_memory(int64_t bytes);

/// How often recorded work was replayed since the program began.
int64_t num_replays();

/// How much work ran on side streams since then.
int64_t num_beside();

/// How many products since then had an operand of two-byte numbers whose rows do not begin at
/// multiples of 16 bytes: they are slow on GPUs.
int64_t num_unaligned_products();

}  // namespace pals::testing

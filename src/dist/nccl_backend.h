// Collectives over NCCL, LibTorch's own backend for GPUs.
#pragma once

#include <ATen/ATen.h>

#include <torch/csrc/distributed/c10d/Backend.hpp>

#include "dist/launch.h"

namespace pals {

/// Meets the other ranks at MASTER_ADDR and MASTER_PORT, or, if all are on this machine, at a port
/// of it. Throws UsageError in a build without NCCL, or if there is no place to meet.
c10::intrusive_ptr<c10d::Backend> start_nccl(const Launch& launch, at::Device device);

}  // namespace pals

// Collectives over MPI as a c10d backend, so that ranks on CPUs and on GPUs are driven alike.
#pragma once

#include <torch/csrc/distributed/c10d/Backend.hpp>

#include "dist/launch.h"

namespace pals {

/// Initialises MPI, once a process, and returns a backend over all of its ranks. Operations run in
/// the order in which they were started, on a thread of their own, while the caller computes; fp32,
/// fp64, bf16, int64 and uint8 tensors on the CPU, contiguous. Throws UsageError without MPI, and
/// where the launcher started more ranks than MPI knows of.
///
/// From then on a rank that dies or is cut off ends all (dist/heartbeat.h), and so does one that
/// exits before the backend was destroyed in the normal course of things.
c10::intrusive_ptr<c10d::Backend> start_mpi(const Launch& launch);

}  // namespace pals

// Ranks that compute on one device each: how they meet, and what they speak through.
#pragma once

#include <ATen/ATen.h>

#include <memory>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "dist/launch.h"
#include "dist/store_heartbeat.h"

namespace pals {

/// The ranks of a run on devices of an accelerator, joined by it (on GPUs by NCCL).
class DeviceRanks {
 public:
  /// Meets the other ranks at MASTER_ADDR and MASTER_PORT, or, if all are on this machine, at a
  /// port of it. Throws UsageError if there is no place to meet, if two ranks have the same device,
  /// or if the accelerator's library knows no collectives; Error if the place is taken or nobody
  /// comes. From then on a rank that dies or is cut off ends all (dist/store_heartbeat.h).
  DeviceRanks(const Launch& launch, at::Device device);
  /// Collective, but where an exception is under way.
  ~DeviceRanks();
  DeviceRanks(const DeviceRanks&) = delete;
  DeviceRanks& operator=(const DeviceRanks&) = delete;

  const c10::intrusive_ptr<c10d::Backend>& backend() const { return backend_; }

 private:
  c10::intrusive_ptr<c10d::Store> store_;
  c10::intrusive_ptr<c10d::Backend> backend_;
  std::unique_ptr<StoreHeartbeat> heartbeat_;
};

}  // namespace pals

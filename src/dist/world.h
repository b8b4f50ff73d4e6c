// The ranks of a run: one process alone, or many that train together.
#pragma once

#include <ATen/ATen.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <torch/csrc/distributed/c10d/Work.hpp>
#include <vector>

#include "base/error.h"
#include "base/stopped.h"
#include "dist/launch.h"
#include "kernels/device.h"

namespace c10d {
class Backend;
}  // namespace c10d

namespace pals {

class DeviceRanks;

/// An operation under way.
using PendingWork = c10::intrusive_ptr<c10d::Work>;

/// What communication has cost this rank.
struct Traffic {
  int64_t bytes = 0;     ///< of the tensors given to collectives, once for each
  double seconds = 0.0;  ///< that these took
  double waited = 0.0;   ///< of them, with nothing else to do

  /// The share of the time that passed behind computation, 0 to 1.
  double hidden() const { return seconds > 0.0 ? 1.0 - std::min(1.0, waited / seconds) : 0.0; }
};

/// This rank among those of its machine.
inline LocalRank local_rank(const Launch& launch) { return {launch.local_rank, launch.local_size}; }

/// What ranks do together. Every rank calls the same in the same order. Tensors are contiguous and
/// on the world's device (of sum(), on any).
class World {
 public:
  World();  ///< alone
  /// Joins the ranks that the launcher started: through MPI on CPUs, else through what the device's
  /// accelerator brings, NCCL on GPUs. Throws UsageError where this build or machine cannot.
  /// `stop` is what stops this process alone; ranks agree on it.
  World(const Launch& launch, at::Device device, std::stop_token stop = {});
  /// A rank that goes the way of many, even if it is the only one: for tests.
  World(const Launch& launch, std::unique_ptr<DeviceRanks> ranks, at::Device device);
  ~World();
  World(World&&) noexcept;
  World& operator=(World&&) noexcept;

  int rank() const { return rank_; }
  int size() const { return size_; }
  at::Device device() const { return device_; }
  bool alone() const { return !backend_; }
  bool first() const { return rank_ == 0; }
  /// Asks this rank to stop.
  const std::stop_token& stop() const { return stop_; }

  /// Adds up a tensor over all ranks, in place.
  void sum(const at::Tensor& tensor) const;
  /// Rank 0's tensor, or text, to all.
  void broadcast(const at::Tensor& tensor) const;
  std::string broadcast(const std::string& text) const;

  /// The same while the caller goes on; not to be called alone.
  PendingWork start_sum(const at::Tensor& tensor) const;
  /// The sum for rank `root`; in the other ranks the tensor is spoiled or untouched.
  PendingWork start_sum_at(const at::Tensor& tensor, int root) const;
  PendingWork start_broadcast(const at::Tensor& tensor, int root) const;
  PendingWork start_send(const at::Tensor& tensor, int to) const;
  PendingWork start_receive(const at::Tensor& tensor, int from) const;
  /// Waits for it and counts it in.
  void finish(const PendingWork& work, Traffic& traffic) const;

  /// All ranks' texts, by rank.
  std::vector<std::string> gather(const std::string& text) const;

  /// Throws Error on every rank, naming the first whose `value` is not rank 0's.
  void check_same(const std::string& what, const std::string& value) const;

  /// Cores for this rank: those it may run on, shared with the ranks that may run on the same ones.
  int num_cores() const;

 private:
  int rank_ = 0, size_ = 1;
  at::Device device_ = at::kCPU;
  std::stop_token stop_;
  c10::intrusive_ptr<c10d::Backend> backend_;
  std::unique_ptr<DeviceRanks> ranks_;  // of an accelerator's devices
};

/// Does the work of one rank in the launch's World, on the device that `choose_device` names. Ranks
/// but the first are quiet, and their Errors say which rank they come from; what is wrong
/// everywhere, and that a run is Stopped, rank 0 reports alone.
void run_in_world(const Launch& launch, const std::stop_token& stop,
                  const std::function<at::Device()>& choose_device,
                  const std::function<void(const World&)>& work);

}  // namespace pals

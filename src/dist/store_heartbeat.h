// Ranks on devices show each other that they live: NCCL would wait long for one that is gone.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <vector>

namespace pals {

/// Each rank counts up in the store every second, on a thread of its own, and watches its
/// predecessor in the ring. A rank that has been silent for `patience`, and a store that does not
/// answer for so long or is gone, are named on stderr and end the process with status 1; the other
/// ranks are told so through the store and end too.
class StoreHeartbeat {
 public:
  /// `hosts` are the ranks' machines. The store is this object's own connection: its calls may
  /// block.
  StoreHeartbeat(c10::intrusive_ptr<c10d::Store> store, int rank, std::vector<std::string> hosts,
                 std::chrono::milliseconds patience = std::chrono::seconds(40));
  /// Collective: every rank takes its leave, rank 0, which may keep the store, after the others.
  ~StoreHeartbeat();
  StoreHeartbeat(const StoreHeartbeat&) = delete;
  StoreHeartbeat& operator=(const StoreHeartbeat&) = delete;

 private:
  struct Watch;
  std::unique_ptr<Watch> watch_;
};

}  // namespace pals

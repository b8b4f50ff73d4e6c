// The simulated device's memory.
#pragma once

#include <ATen/ATen.h>

#include <map>
#include <mutex>

namespace pals::testing {

constexpr auto kSimulatedType = c10::DeviceType::PrivateUse1;
constexpr size_t kSimulatedBytes = size_t{2} << 30;

/// One run of addresses, which the host may touch only while an operator runs.
class SimulatedMemory {
 public:
  static SimulatedMemory& instance();

  /// Filled with 0xFF. Throws c10::OutOfMemoryError.
  void* allocate(size_t bytes);
  void release(void* pointer);

  size_t free_bytes();
  void set_free_bytes(size_t bytes);

  /// An operator begins, or ends.
  void begin();
  void end();

 private:
  SimulatedMemory();
  void unlock();
  void lock_again();

  char* base_;
  std::mutex mutex_;
  std::map<size_t, size_t> free_, used_;  // sizes by offset
  size_t taken_ = 0, limit_ = kSimulatedBytes;
  size_t reach_ = 0, open_ = 0;
  int running_ = 0;
};

/// While it lives, the device's memory is in reach.
struct Running {
  Running() { SimulatedMemory::instance().begin(); }
  ~Running() { SimulatedMemory::instance().end(); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
};

bool is_simulated(const at::Tensor& x);

/// The same memory as a tensor of the CPU; another device's tensor as it is.
at::Tensor as_host(const at::Tensor& x);

}  // namespace pals::testing

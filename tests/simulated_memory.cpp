#include "simulated_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

namespace pals::testing {
namespace {

constexpr size_t kAlignment = 64;

}  // namespace

SimulatedMemory& SimulatedMemory::instance() {
  static auto* memory = new SimulatedMemory;  // outlives the last tensor
  return *memory;
}

void* SimulatedMemory::allocate(size_t bytes) {
  const std::lock_guard lock(mutex_);
  const size_t size = std::max(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
  auto place = free_.begin();
  while (place != free_.end() && place->second < size) ++place;
  TORCH_CHECK_WITH(OutOfMemoryError, place != free_.end() && taken_ + size <= limit_,
                   "simulated device: out of memory");
  taken_ += size;
  const auto [first, room] = *place;
  free_.erase(place);
  if (room > size) free_[first + size] = room - size;
  used_[first] = size;
  reach_ = std::max(reach_, first + size);
  unlock();
  std::memset(base_ + first, 0xFF, size);
  lock_again();
  return base_ + first;
}

void SimulatedMemory::release(void* pointer) {
  const std::lock_guard lock(mutex_);
  const auto used = used_.find(static_cast<size_t>(static_cast<char*>(pointer) - base_));
  size_t first = used->first, size = used->second;
  used_.erase(used);
  taken_ -= size;
  const auto next = free_.lower_bound(first);
  if (next != free_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == first) {
      first = before->first;
      size += before->second;
      free_.erase(before);
    }
  }
  if (next != free_.end() && first + size == next->first) {
    size += next->second;
    free_.erase(next);
  }
  free_[first] = size;
}

size_t SimulatedMemory::free_bytes() {
  const std::lock_guard lock(mutex_);
  return limit_ - std::min(limit_, taken_);
}

void SimulatedMemory::set_free_bytes(size_t bytes) {
  const std::lock_guard lock(mutex_);
  limit_ = std::min(kSimulatedBytes, taken_ + bytes);
}

void SimulatedMemory::begin() {
  const std::lock_guard lock(mutex_);
  unlock();
}

void SimulatedMemory::end() {
  const std::lock_guard lock(mutex_);
  lock_again();
}

SimulatedMemory::SimulatedMemory()
    : base_(static_cast<char*>(mmap(nullptr, kSimulatedBytes, PROT_NONE,
                                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {
  TORCH_CHECK(base_ != MAP_FAILED, "simulated device: no memory");
  free_[0] = kSimulatedBytes;
}

// What is in reach is what was ever allocated: more is made so while an operator runs.
void SimulatedMemory::unlock() {
  if (running_++ == 0 || open_ < reach_) {
    mprotect(base_, reach_, PROT_READ | PROT_WRITE);
    open_ = reach_;
  }
}

void SimulatedMemory::lock_again() {
  if (--running_ > 0) return;
  mprotect(base_, reach_, PROT_NONE);
  open_ = 0;
}

bool is_simulated(const at::Tensor& x) {
  return x.defined() && x.device().type() == kSimulatedType;
}

at::Tensor as_host(const at::Tensor& x) {
  if (!is_simulated(x)) return x;
  return at::from_blob(const_cast<void*>(x.const_data_ptr()), x.sizes(), x.strides(),
                       at::TensorOptions(x.scalar_type()));
}

}  // namespace pals::testing

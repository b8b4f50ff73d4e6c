#include "pretend_memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

namespace pals::testing {
namespace {

constexpr size_t kAlignment = 64;

}  // namespace

PretendMemory& PretendMemory::instance() {
  static auto* memory = new PretendMemory;  // outlives the last tensor
  return *memory;
}

void* PretendMemory::allocate(size_t bytes) {
  const std::lock_guard lock(mutex_);
  const size_t size = std::max(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
  auto place = free_.begin();
  while (place != free_.end() && place->second < size) ++place;
  TORCH_CHECK_WITH(OutOfMemoryError, place != free_.end() && taken_ + size <= limit_,
                   "pretend device: out of memory");
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

void PretendMemory::release(void* pointer) {
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

size_t PretendMemory::free_bytes() {
  const std::lock_guard lock(mutex_);
  return limit_ - std::min(limit_, taken_);
}

void PretendMemory::set_free_bytes(size_t bytes) {
  const std::lock_guard lock(mutex_);
  limit_ = std::min(kPretendBytes, taken_ + bytes);
}

void PretendMemory::begin() {
  const std::lock_guard lock(mutex_);
  unlock();
}

void PretendMemory::end() {
  const std::lock_guard lock(mutex_);
  lock_again();
}

PretendMemory::PretendMemory()
    : base_(static_cast<char*>(mmap(nullptr, kPretendBytes, PROT_NONE,
                                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))) {
  TORCH_CHECK(base_ != MAP_FAILED, "pretend device: no memory");
  free_[0] = kPretendBytes;
}

// What is in reach is what was ever allocated: more is made so while an operator runs.
void PretendMemory::unlock() {
  if (running_++ == 0 || open_ < reach_) {
    mprotect(base_, reach_, PROT_READ | PROT_WRITE);
    open_ = reach_;
  }
}

void PretendMemory::lock_again() {
  if (--running_ > 0) return;
  mprotect(base_, reach_, PROT_NONE);
  open_ = 0;
}

bool is_pretend(const at::Tensor& x) { return x.defined() && x.device().type() == kPretendType; }

at::Tensor as_host(const at::Tensor& x) {
  if (!is_pretend(x)) return x;
  return at::from_blob(const_cast<void*>(x.const_data_ptr()), x.sizes(), x.strides(),
                       at::TensorOptions(x.scalar_type()));
}

}  // namespace pals::testing

#include "base/region.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>

namespace pals {

Region::Region(size_t capacity) {
  capacity = capacity / kUnit * kUnit;
  if (capacity == 0 || capacity > SIZE_MAX - kUnit) return;
  // A unit more, so that the first one can begin on a boundary.
  void* memory = mmap(nullptr, capacity + kUnit, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return;
  mapping_ = static_cast<std::byte*>(memory);
  base_ = mapping_ + (kUnit - reinterpret_cast<uintptr_t>(memory) % kUnit);
  capacity_ = capacity;
  madvise(base_, capacity_, MADV_HUGEPAGE);
  free_.emplace(0, capacity_);
}

Region::~Region() {
  if (mapping_ != nullptr) munmap(mapping_, capacity_ + kUnit);
}

void* Region::take(size_t bytes) {
  if (bytes > capacity_) return nullptr;
  const size_t size = std::max(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment);
  const std::lock_guard lock(mutex_);
  const auto room = std::find_if(free_.begin(), free_.end(),
                                 [size](const auto& range) { return range.second >= size; });
  if (room == free_.end()) return nullptr;
  const auto [offset, room_size] = *room;
  mark_used(offset, size);
  if (room_size > size) free_.emplace_hint(std::next(room), offset + size, room_size - size);
  Ranges::node_type block = free_.extract(room);
  block.mapped() = size;
  taken_.insert(std::move(block));
  if (++takes_ % kPeriod == 0) release_units_used_before(period_++);
  return base_ + offset;
}

void Region::give_back(void* block) {
  const auto offset = static_cast<size_t>(static_cast<std::byte*>(block) - base_);
  const std::lock_guard lock(mutex_);
  // The block's node becomes that of the free range: giving back allocates nothing.
  auto range = free_.insert(taken_.extract(offset)).position;
  mark_used(offset, range->second);
  const auto join_next = [this](Ranges::iterator first) {
    const auto next = std::next(first);
    if (next == free_.end() || first->first + first->second != next->first) return;
    first->second += next->second;
    free_.erase(next);
  };
  join_next(range);
  if (range != free_.begin()) join_next(std::prev(range));
}

bool Region::holds(const void* address) const {
  // Below base_ the difference wraps round to something larger.
  return reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(base_) < capacity_;
}

void Region::release_pages() {
  const std::lock_guard lock(mutex_);
  release_units_used_before(period_ + 1);
}

size_t Region::bytes_kept() const {
  const std::lock_guard lock(mutex_);
  return kUnit * static_cast<size_t>(std::count_if(last_used_.begin(), last_used_.end(),
                                                   [](int64_t period) { return period > 0; }));
}

void Region::mark_used(size_t offset, size_t size) {
  const size_t end = (offset + size - 1) / kUnit + 1;
  if (last_used_.size() < end) last_used_.resize(end, 0);
  for (size_t unit = offset / kUnit; unit < end; ++unit) last_used_[unit] = period_;
}

// Of the units that lie in a free range as a whole.
void Region::release_units_used_before(int64_t period) {
  for (const auto& [offset, size] : free_) {
    const size_t end = std::min((offset + size) / kUnit, last_used_.size());
    for (size_t unit = (offset + kUnit - 1) / kUnit; unit < end; ++unit) {
      if (last_used_[unit] == 0 || last_used_[unit] >= period) continue;
      madvise(base_ + unit * kUnit, kUnit, MADV_DONTNEED);
      last_used_[unit] = 0;
    }
  }
}

}  // namespace pals

// Large blocks of memory out of one stretch of addresses, whose pages stay for the next blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

namespace pals {

/// Blocks lie at the lowest address where there is room, and free ranges side by side become one:
/// so blocks of ever other sizes take little more than what is in use at the same time. Pages that
/// no block lay on for a while go back to the system. Several threads may use it.
class Region {
 public:
  static constexpr size_t kAlignment = 64;
  /// Pages go back in units of this size, which are huge pages where the system has them.
  static constexpr size_t kUnit = size_t{2} << 20;
  /// A unit goes back when one to two times so many blocks were taken, and none of them there:
  /// after some ten steps of training.
  static constexpr int64_t kPeriod = 8192;

  /// Reserves addresses for `capacity` bytes, rounded down to units, but no memory. A system that
  /// does not grant them leaves the region without room.
  explicit Region(size_t capacity);
  ~Region();
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  /// A block of at least `bytes`, aligned, with anything in it; null if there is no room.
  void* take(size_t bytes);
  /// Ends the use of a block that take() gave.
  void give_back(void* block);
  /// Whether an address is one of the region's.
  bool holds(const void* address) const;

  /// Gives the pages of all free units back to the system now.
  void release_pages();
  /// Bytes of the units that may have pages.
  size_t bytes_kept() const;

 private:
  using Ranges = std::map<size_t, size_t>;  // sizes by offset

  void mark_used(size_t offset, size_t size);
  void release_units_used_before(int64_t period);

  std::byte *mapping_ = nullptr, *base_ = nullptr;
  size_t capacity_ = 0;
  mutable std::mutex mutex_;
  Ranges free_, taken_;
  std::vector<int64_t> last_used_;  // the period, by unit; 0: it has no pages
  int64_t takes_ = 0, period_ = 1;
};

}  // namespace pals

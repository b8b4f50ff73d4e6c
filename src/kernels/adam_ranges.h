// The ranges of an optimizer step, and how they stand in the memory of a device that reads them
// when it comes to the step.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

namespace pals {

/// One tensor of the arena in an optimizer step.
struct AdamRange {
  int64_t offset = 0, numel = 0;
  float learning_rate = 0.0F;  ///< of this step, schedule included
  float weight_decay = 0.0F;   ///< 0.01, or 0 for biases, gamma, beta
  /// In the shadow it lies so many elements further on, and unless `columns` is 0 as rows of so
  /// many elements whose first ones are `shadow_stride` apart.
  int64_t shadow_shift = 0;
  int32_t columns = 0, shadow_stride = 0;
};

/// Devices cut ranges into chunks of so many elements, numbered from the first range's on.
constexpr int64_t kAdamChunk = 8192;

/// A range as it is packed.
struct PackedRange {
  AdamRange range;
  int64_t first_chunk = 0;
};
constexpr int64_t kPackedRangeWords = sizeof(PackedRange) / sizeof(int64_t);
static_assert(sizeof(PackedRange) == 6 * sizeof(int64_t));

struct PackedRangesSize {
  int64_t ranges = 0, chunks = 0;
};

inline PackedRangesSize packed_ranges_size(std::span<const AdamRange> ranges) {
  PackedRangesSize size;
  for (const AdamRange& range : ranges) {
    ++size.ranges;
    size.chunks += (range.numel + kAdamChunk - 1) / kAdamChunk;
  }
  return size;
}

/// `count` ranges or more, [count, kPackedRangeWords]; those beyond the given ones are empty.
inline std::vector<int64_t> packed_ranges(std::span<const AdamRange> ranges, int64_t count) {
  std::vector<int64_t> words;
  PackedRange next;
  for (int64_t i = 0; i < std::max<int64_t>(count, std::ssize(ranges)); ++i) {
    next.range = i < std::ssize(ranges) ? ranges[static_cast<size_t>(i)] : AdamRange();
    for (const int64_t word : std::bit_cast<std::array<int64_t, kPackedRangeWords>>(next)) {
      words.push_back(word);
    }
    next.first_chunk += (next.range.numel + kAdamChunk - 1) / kAdamChunk;
  }
  return words;
}

}  // namespace pals

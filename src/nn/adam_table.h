// The ranges of an optimizer step, and how they stand in the memory of a device that reads them
// when it comes to the step.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <vector>

namespace pals {

/// One tensor of the arena in an optimizer step.
struct AdamRange {
  int64_t offset = 0, numel = 0;
  float learning_rate = 0.0F;  ///< of this step, schedule included
  float weight_decay = 0.0F;   ///< 0.01, or 0 for biases, gamma, beta
};

/// Devices cut ranges into chunks of so many elements, numbered from the first range's on.
constexpr int64_t kAdamChunk = 8192;

/// A row of a table.
struct AdamRow {
  AdamRange range;
  int64_t first_chunk = 0;
};
constexpr int64_t kAdamRowWords = sizeof(AdamRow) / sizeof(int64_t);
static_assert(sizeof(AdamRow) == 4 * sizeof(int64_t));

struct AdamTableSize {
  int64_t rows = 0, chunks = 0;
};

inline AdamTableSize adam_table_size(const std::vector<AdamRange>& ranges) {
  AdamTableSize size;
  for (const AdamRange& range : ranges) {
    ++size.rows;
    size.chunks += (range.numel + kAdamChunk - 1) / kAdamChunk;
  }
  return size;
}

/// The table of these ranges, [rows, kAdamRowWords]; rows beyond them are empty.
inline std::vector<int64_t> adam_table(const std::vector<AdamRange>& ranges, int64_t rows) {
  std::vector<int64_t> words;
  AdamRow row;
  for (int64_t i = 0; i < std::max<int64_t>(rows, std::ssize(ranges)); ++i) {
    row.range = i < std::ssize(ranges) ? ranges[static_cast<size_t>(i)] : AdamRange();
    for (const int64_t word : std::bit_cast<std::array<int64_t, kAdamRowWords>>(row)) {
      words.push_back(word);
    }
    row.first_chunk += (row.range.numel + kAdamChunk - 1) / kAdamChunk;
  }
  return words;
}

}  // namespace pals

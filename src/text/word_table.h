// Whole words of up to 16 bytes to ids: one probe for most words of a text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "text/vocabulary.h"

namespace pals {

/// The bytes of a word, little end first, zeros behind.
struct WordKey {
  uint64_t low = 0;
  uint64_t high = 0;
  bool operator==(const WordKey&) const = default;

  static constexpr size_t kMaxSize = 16;

  /// REQUIRES: size <= kMaxSize.
  static WordKey of(const char* bytes, size_t size) {
    WordKey key;
    char padded[kMaxSize] = {};
    std::memcpy(padded, bytes, size);
    std::memcpy(&key.low, padded, 8);
    std::memcpy(&key.high, padded + 8, 8);
    return key;
  }
};

/// The tokens that begin a word (those without ##) and have a key.
class WordTable {
 public:
  explicit WordTable(const Vocabulary& vocabulary);

  /// The id of a word, or kMissing. Missing ones may be in the vocabulary all the same: a probe
  /// stops after kMaxProbes rows, so that no choice of words makes it slow.
  int32_t find(const WordKey& key) const {
    size_t row = row_of(key);
    for (int probe = 0; probe < kMaxProbes; ++probe, row = (row + 1) & mask_) {
      if (rows_[row].key == key) return rows_[row].id;
      if (rows_[row].key == WordKey{}) break;
    }
    return kMissing;
  }

  static constexpr int32_t kMissing = -1;
  static constexpr int kMaxProbes = 32;

 private:
  struct Row {
    WordKey key;  // zero: free
    int32_t id = kMissing;
  };

  size_t row_of(const WordKey& key) const {
    // The factors' bytes are no UTF-8, so that no word makes a difference zero.
    const uint64_t mixed = (key.low ^ 0xff9c3c1ffbd7a3f5) * (key.high ^ 0xfe5a83f7fd17c3c9);
    return (mixed ^ mixed >> 32 ^ mixed >> 47) & mask_;
  }

  std::vector<Row> rows_;
  size_t mask_ = 0;
};

}  // namespace pals

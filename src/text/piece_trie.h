// Greedy longest-match-first over a vocabulary's pieces: a double-array trie over bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "text/vocabulary.h"

namespace pals {

/// Two tries in one array: tokens that begin a word, and ## tokens (without the ##).
class PieceTrie {
 public:
  /// Tokens of more than `max_characters` code points can match no word and are left out.
  /// Throws Error if the tokens make more than kMaxNodes nodes.
  PieceTrie(const Vocabulary& vocabulary, size_t max_characters);

  /// Splits a word into pieces, writes their ids to `ids` (room for one a byte) and returns their
  /// number; 0 if some part has no match. `word` is UTF-8 without NUL.
  size_t match(const char* word, size_t size, int32_t* ids) const {
    size_t count = 0;
    uint32_t root = kWordRoot;
    for (size_t begin = 0; begin < size; root = kContinuationRoot) {
      uint32_t node = root;
      size_t match_end = begin;
      for (size_t at = begin; at < size;) {
        const auto label = static_cast<unsigned char>(word[at]);
        node = nodes_[node].base ^ label;
        if (nodes_[node].label() != label) break;
        ++at;
        if (nodes_[node].has_id()) {
          ids[count] = nodes_[node].id();
          match_end = at;
        }
      }
      if (match_end == begin) return 0;
      ++count;
      begin = match_end;
    }
    return count;
  }

 private:
  static constexpr size_t kMaxNodes = size_t{1} << 26;

  // A node's children lie at base ^ label. No two nodes with children share a base; a leaf's base
  // is 0, and the block of the first 256 nodes holds only the two roots, so that walking on from a
  // leaf fails. Free nodes have label 0, which no text contains.
  class Node {
   public:
    uint32_t label() const { return bits_ & 0xFF; }
    bool has_id() const { return bits_ >> 8 != 0; }
    int32_t id() const { return static_cast<int32_t>(bits_ >> 8) - 1; }
    void set_label(uint32_t label) { bits_ = (bits_ & ~uint32_t{0xFF}) | label; }
    void set_id(int32_t id) { bits_ = (bits_ & 0xFF) | static_cast<uint32_t>(id + 1) << 8; }

    uint32_t base = 0;

   private:
    uint32_t bits_ = 0;  // id + 1 (24 bits), label (8 bits)
  };

  friend class PieceTrieBuilder;

  static constexpr uint32_t kWordRoot = 0;
  static constexpr uint32_t kContinuationRoot = 1;

  std::vector<Node> nodes_;
};

}  // namespace pals

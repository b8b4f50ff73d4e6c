#include "text/piece_trie.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <deque>
#include <string_view>

#include "base/error.h"
#include "base/utf8.h"

namespace pals {

/// Places the nodes of one trie after the other. Children are sought room for in the youngest
/// blocks only, which bounds the time a hostile vocabulary can take.
class PieceTrieBuilder {
 public:
  struct Entry {
    std::string_view key;
    int32_t id;
  };

  explicit PieceTrieBuilder(std::vector<PieceTrie::Node>& nodes) : nodes_(nodes) {
    nodes_.assign(kBlockSize, {});
  }

  /// Adds the trie of `entries` under the node `root`. Sorts them; of equal keys the last wins.
  void add(uint32_t root, std::vector<Entry>& entries) {
    std::ranges::stable_sort(entries, {}, &Entry::key);
    pending_.push_back({root, 0, entries.size(), 0});
    while (!pending_.empty()) {
      const Range range = pending_.back();
      pending_.pop_back();
      place_children(range, entries);
    }
  }

 private:
  static constexpr uint32_t kBlockSize = 256;
  static constexpr size_t kOpenBlocks = 8;
  static constexpr int kMaxFailures = 2;

  // The entries [first, last) share their first `depth` bytes, the path to `node`.
  struct Range {
    uint32_t node;
    size_t first, last, depth;
  };

  struct Block {
    uint32_t start = 0;
    int failures = 0;
    std::bitset<kBlockSize> taken;       // nodes in use
    std::bitset<kBlockSize> base_taken;  // bases in use
  };

  void place_children(Range range, const std::vector<Entry>& entries) {
    while (range.first < range.last && entries[range.first].key.size() == range.depth) {
      nodes_[range.node].set_id(entries[range.first++].id);
    }
    if (range.first == range.last) return;

    const auto label_at = [&](size_t i) {
      return static_cast<unsigned char>(entries[i].key[range.depth]);
    };
    labels_.clear();
    for (size_t i = range.first; i < range.last; ++i) {
      if (labels_.empty() || labels_.back() != label_at(i)) labels_.push_back(label_at(i));
    }
    const uint32_t base = find_base();
    nodes_[range.node].base = base;
    for (size_t first = range.first; first < range.last;) {
      size_t last = first;
      while (last < range.last && label_at(last) == label_at(first)) ++last;
      const uint32_t child = base ^ label_at(first);
      nodes_[child].set_label(label_at(first));
      pending_.push_back({child, first, last, range.depth + 1});
      first = last;
    }
  }

  // A base with free nodes for all labels_; marks them as taken.
  uint32_t find_base() {
    for (auto block = blocks_.begin(); block != blocks_.end();) {
      for (uint32_t node = 0; node < kBlockSize; ++node) {
        if (!block->taken[node] && fits(*block, node ^ labels_[0])) {
          return take(*block, node ^ labels_[0]);
        }
      }
      block = ++block->failures >= kMaxFailures ? blocks_.erase(block) : block + 1;
    }
    if (nodes_.size() >= PieceTrie::kMaxNodes) fail("the vocabulary is too large to be searched");
    if (blocks_.size() == kOpenBlocks) blocks_.pop_front();
    blocks_.emplace_back().start = static_cast<uint32_t>(nodes_.size());
    nodes_.resize(nodes_.size() + kBlockSize);
    return take(blocks_.back(), 0);
  }

  bool fits(const Block& block, uint32_t base) const {
    return !block.base_taken[base] &&
           std::ranges::none_of(labels_, [&](uint32_t label) { return block.taken[base ^ label]; });
  }

  uint32_t take(Block& block, uint32_t base) {
    block.base_taken.set(base);
    for (const uint32_t label : labels_) block.taken.set(base ^ label);
    return block.start + base;
  }

  std::vector<PieceTrie::Node>& nodes_;
  std::deque<Block> blocks_;
  std::vector<Range> pending_;
  std::vector<uint32_t> labels_;
};

PieceTrie::PieceTrie(const Vocabulary& vocabulary, size_t max_characters) {
  std::vector<PieceTrieBuilder::Entry> words;
  std::vector<PieceTrieBuilder::Entry> continuations;
  for (int32_t id = 0; id < vocabulary.base_size(); ++id) {
    std::string_view token = vocabulary.token(id);
    const bool continues = token.starts_with("##");
    if (continues) token.remove_prefix(2);
    if (token.empty() || token.find('\0') != std::string_view::npos) continue;
    if (count_code_points(token) > max_characters) continue;
    (continues ? continuations : words).push_back({token, id});
  }
  PieceTrieBuilder builder(nodes_);
  builder.add(kWordRoot, words);
  builder.add(kContinuationRoot, continuations);
}

}  // namespace pals

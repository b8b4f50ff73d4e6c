// Where the time of a pass goes: sums by kind of block, kept only while someone measures.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace pals {

/// The kinds of work that time is summed for. kGradientSums: column sums for biases, and bf16
/// weight gradients added up in fp32.
enum class Block {
  kProduct,
  kAttention,
  kNormalisation,
  kActivation,
  kDropout,
  kGradientSums,
  kEmbeddings,
  kOptimizer,
  kData
};
inline constexpr size_t kNumBlocks = 9;

/// The name in reports: "matrix products", ...
const char* block_name(Block block);

enum class ProductKind { kForward, kInputGradient, kWeightGradient };

/// One matrix product of a dense layer. Forward: [tokens, in] with weight [out, in] transposed;
/// gradients: [tokens, out] with the weight, [tokens, out] transposed with [tokens, in].
struct Product {
  ProductKind kind = ProductKind::kForward;
  int64_t tokens = 0, in = 0, out = 0;
  bool bf16 = false;  ///< or fp16, which is as fast

  double flops() const {
    return 2.0 * static_cast<double>(tokens) * static_cast<double>(in) * static_cast<double>(out);
  }
  bool operator==(const Product&) const = default;
};

/// What was measured between start_profile() and stop_profile().
struct ProfileTimes {
  std::array<double, kNumBlocks> seconds{};
  std::array<int64_t, kNumBlocks> calls{};
  std::vector<Product> products;  ///< in the order in which they were done

  double of(Block block) const { return seconds[static_cast<size_t>(block)]; }
  double total() const;  ///< of all blocks; the rest of a pass's time is in none of them
  ProfileTimes& operator+=(const ProfileTimes& other);
};

/// Begins to measure, from zero. A profile is one for the whole process.
void start_profile();

/// Ends it. No block may be running.
ProfileTimes stop_profile();

namespace internal {
extern std::atomic<bool> profiling;
}

/// Adds the time of its own life to a block's sum; costs one flag test when nothing is measured.
/// The time of a timer within another one on the same thread counts for the inner one alone.
class BlockTimer {
 public:
  explicit BlockTimer(Block block) {
    if (internal::profiling.load(std::memory_order_relaxed)) start(block);
  }
  /// Of a matrix product, which is written down as well.
  explicit BlockTimer(const Product& product) {
    if (internal::profiling.load(std::memory_order_relaxed)) start(product);
  }
  ~BlockTimer() {
    if (running_) stop();
  }
  BlockTimer(const BlockTimer&) = delete;
  BlockTimer& operator=(const BlockTimer&) = delete;

 private:
  void start(Block block);
  void start(const Product& product);
  void stop();

  bool running_ = false;
  Block block_ = Block::kProduct;
  int64_t begin_ = 0, inner_ = 0;  // nanoseconds
  BlockTimer* outer_ = nullptr;
};

}  // namespace pals

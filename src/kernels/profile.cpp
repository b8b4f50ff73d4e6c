#include "kernels/profile.h"

#include <chrono>
#include <mutex>
#include <numeric>
#include <utility>

namespace pals {

namespace internal {
std::atomic<bool> profiling{false};
}

namespace {

struct Sums {
  std::array<std::atomic<int64_t>, kNumBlocks> nanoseconds{}, calls{};
  std::mutex mutex;  // of products
  std::vector<Product> products;
};

Sums& sums() {
  static Sums all;
  return all;
}

thread_local BlockTimer* innermost = nullptr;

int64_t now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

const char* block_name(Block block) {
  constexpr std::array<const char*, kNumBlocks> kNames = {
      "matrix products", "attention",  "normalisation", "activation", "dropout",
      "gradient sums",   "embeddings", "optimizer",     "data"};
  return kNames.at(static_cast<size_t>(block));
}

double ProfileTimes::total() const { return std::accumulate(seconds.begin(), seconds.end(), 0.0); }

ProfileTimes& ProfileTimes::operator+=(const ProfileTimes& other) {
  for (size_t block = 0; block < kNumBlocks; ++block) {
    seconds[block] += other.seconds[block];
    calls[block] += other.calls[block];
  }
  products.insert(products.end(), other.products.begin(), other.products.end());
  return *this;
}

void start_profile() {
  Sums& all = sums();
  for (size_t block = 0; block < kNumBlocks; ++block) {
    all.nanoseconds[block] = 0;
    all.calls[block] = 0;
  }
  {
    const std::lock_guard lock(all.mutex);
    all.products.clear();
  }
  internal::profiling = true;
}

ProfileTimes stop_profile() {
  internal::profiling = false;
  Sums& all = sums();
  ProfileTimes times;
  for (size_t block = 0; block < kNumBlocks; ++block) {
    times.seconds[block] = static_cast<double>(all.nanoseconds[block].load()) * 1e-9;
    times.calls[block] = all.calls[block];
  }
  const std::lock_guard lock(all.mutex);
  times.products = std::exchange(all.products, {});
  return times;
}

void BlockTimer::start(Block block) {
  running_ = true;
  block_ = block;
  outer_ = std::exchange(innermost, this);
  begin_ = now();
}

void BlockTimer::start(const Product& product) {
  {
    const std::lock_guard lock(sums().mutex);
    sums().products.push_back(product);
  }
  start(Block::kProduct);
}

void BlockTimer::stop() {
  const int64_t elapsed = now() - begin_;
  innermost = outer_;
  if (outer_ != nullptr) outer_->inner_ += elapsed;
  const auto block = static_cast<size_t>(block_);
  sums().nanoseconds[block].fetch_add(elapsed - inner_, std::memory_order_relaxed);
  sums().calls[block].fetch_add(1, std::memory_order_relaxed);
}

}  // namespace pals

// Counter-based random numbers: value k of a stream is a function of (seed, stream, k) alone.
#pragma once

#include <cstdint>
#include <iterator>
#include <utility>

namespace pals {

/// A bijection of 64-bit words whose output looks random (an xor-shift-multiply finaliser; the
/// constants are those of SplitMix64).
constexpr uint64_t mix64(uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9;
  x ^= x >> 27;
  x *= 0x94d049bb133111eb;
  x ^= x >> 31;
  return x;
}

/// What a checkpoint keeps of a generator.
struct RandomState {
  uint64_t seed = 0;
  uint64_t stream = 0;
  uint64_t counter = 0;  ///< numbers drawn so far
  bool operator==(const RandomState&) const = default;
};

/// One stream of random numbers. Streams of one seed are independent of each other. Not for
/// secrets.
class Random {
 public:
  explicit Random(uint64_t seed, uint64_t stream = 0) : Random(RandomState{seed, stream, 0}) {}
  explicit Random(const RandomState& state) { set_state(state); }

  /// 64 random bits.
  uint64_t next() { return mix64(mix64(first_key_ + kStep * ++state_.counter) ^ second_key_); }

  /// Uniform in [0, 1), a multiple of 2^-53.
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

  /// Standard normal; takes two numbers of the stream.
  double normal();

  /// Uniform in [0, n), without bias. n must not be 0.
  uint64_t below(uint64_t n);

  const RandomState& state() const { return state_; }
  void set_state(const RandomState& state);

 private:
  static constexpr uint64_t kStep = 0x9e3779b97f4a7c15;  // 2^64 / golden ratio, odd

  RandomState state_;
  uint64_t first_key_ = 0;
  uint64_t second_key_ = 0;
};

/// Fisher-Yates; unlike std::shuffle the same on every platform.
template <typename RandomIterator>
void shuffle(RandomIterator first, RandomIterator last, Random& random) {
  using std::swap;
  auto remaining = static_cast<uint64_t>(std::distance(first, last));
  for (; remaining > 1; --remaining) {
    const uint64_t chosen = random.below(remaining);
    using Offset = typename std::iterator_traits<RandomIterator>::difference_type;
    swap(first[static_cast<Offset>(chosen)], first[static_cast<Offset>(remaining - 1)]);
  }
}

/// Shuffles a whole container in place.
template <typename Container>
void shuffle(Container& values, Random& random) {
  shuffle(values.begin(), values.end(), random);
}

}  // namespace pals

#include "base/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>
#include <vector>

namespace pals {
namespace {

// Runs are repeatable across versions only while these hold.
TEST(Random, StaysTheSame) {
  Random random(42, 7);
  EXPECT_EQ(random.next(), 14140003136153560464U);
  EXPECT_EQ(random.next(), 17267524561944369350U);
  std::vector<int> values(8);
  std::iota(values.begin(), values.end(), 0);
  shuffle(values, random);
  EXPECT_EQ(values, (std::vector<int>{3, 5, 0, 1, 4, 2, 7, 6}));
}

TEST(Random, StreamsAndSeedsDiffer) {
  std::set<uint64_t> seen;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    for (uint64_t stream = 0; stream < 20; ++stream) {
      Random random(seed, stream);
      for (int i = 0; i < 20; ++i) seen.insert(random.next());
    }
  }
  EXPECT_EQ(seen.size(), 8000U);
}

TEST(Random, ContinuesFromItsState) {
  Random random(1, 2);
  for (int i = 0; i < 5; ++i) random.normal();
  const RandomState state = random.state();
  EXPECT_EQ(state.counter, 10U);
  Random other(state);
  EXPECT_EQ(other.next(), random.next());
  const double expected = random.normal();
  Random third(9, 9);
  third.set_state(other.state());
  EXPECT_EQ(third.normal(), expected);
}

TEST(Random, UniformCoversTheUnitInterval) {
  Random random(3);
  double sum = 0.0;
  double low = 1.0;
  double high = 0.0;
  constexpr int kDraws = 100'000;
  for (int i = 0; i < kDraws; ++i) {
    const double value = random.uniform();
    sum += value;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  EXPECT_GE(low, 0.0);
  EXPECT_LT(high, 1.0);
  EXPECT_LT(low, 0.001);
  EXPECT_GT(high, 0.999);
  EXPECT_NEAR(sum / kDraws, 0.5, 0.005);
}

TEST(Random, NormalHasItsMoments) {
  Random random(4);
  constexpr int kDraws = 100'000;
  double sum = 0.0;
  double squares = 0.0;
  double fourths = 0.0;
  for (int i = 0; i < kDraws; ++i) {
    const double value = random.normal();
    ASSERT_TRUE(std::isfinite(value));
    sum += value;
    squares += value * value;
    fourths += value * value * value * value;
  }
  EXPECT_NEAR(sum / kDraws, 0.0, 0.02);
  EXPECT_NEAR(squares / kDraws, 1.0, 0.03);
  EXPECT_NEAR(fourths / kDraws, 3.0, 0.2);
}

TEST(Random, BelowIsUniformAndInRange) {
  Random random(5);
  std::vector<int> counts(7, 0);
  for (int i = 0; i < 70'000; ++i) {
    const uint64_t value = random.below(7);
    ASSERT_LT(value, 7U);
    ++counts[value];
  }
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 500);
  EXPECT_EQ(random.below(1), 0U);
  // More than half of all words must be refused here: a plain remainder would favour small values.
  const uint64_t n = (uint64_t{1} << 63) + 1;
  int upper = 0;
  for (int i = 0; i < 10'000; ++i) {
    const uint64_t value = random.below(n);
    ASSERT_LT(value, n);
    upper += value >= n / 2 ? 1 : 0;
  }
  EXPECT_NEAR(upper, 5'000, 300);
}

TEST(Random, ShufflePermutesUniformly) {
  Random random(6);
  std::vector<int> first_place(4, 0);
  std::vector<int> last_place(4, 0);
  for (int i = 0; i < 40'000; ++i) {
    std::vector<int> values = {0, 1, 2, 3};
    shuffle(values, random);
    ++first_place[static_cast<size_t>(values[0])];
    ++last_place[static_cast<size_t>(values[3])];
    ASSERT_EQ(std::set<int>(values.begin(), values.end()).size(), 4U);
  }
  for (const int count : first_place) EXPECT_NEAR(count, 10'000, 500);
  for (const int count : last_place) EXPECT_NEAR(count, 10'000, 500);
  std::vector<int> none;
  shuffle(none, random);
  EXPECT_TRUE(none.empty());
}

}  // namespace
}  // namespace pals

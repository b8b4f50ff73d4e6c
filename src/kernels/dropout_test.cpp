// The statistics of keyed dropout, and its independence of everything but its key.
#include "kernels/dropout.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace pals {
namespace {

constexpr int kTokens = 512;
constexpr int kColumns = 512;

bool dropped(uint64_t seed, uint64_t step, uint32_t place, int64_t row, int token, int column,
             float p) {
  const Dropout dropout = {p, dropout_key(seed, step, place)};
  return dropout_factor(dropout, dropout_token_key(row, token), static_cast<uint32_t>(column)) ==
         0.0F;
}

TEST(Dropout, Definition) {
  EXPECT_EQ(dropout_threshold(0.1F), 6554U);
  EXPECT_FLOAT_EQ(dropout_scale(0.5F), 2.0F);
  EXPECT_EQ(dropout_scale(1.0F), 0.0F);
  EXPECT_EQ(dropout_scale(0.0F), 1.0F);
  // Fixed for good: a resumed run and other devices must draw the same bits.
  EXPECT_EQ(dropout_key(42, 7, 3), dropout_key(42, 7, 3));
  EXPECT_NE(dropout_key(42, 7, 3), dropout_key(42, 3, 7));
  EXPECT_NE(dropout_token_key(1, 0), dropout_token_key(0, 1));
}

TEST(Dropout, RateIsAsAsked) {
  for (const float p : {0.1F, 0.3F, 0.5F}) {
    int count = 0;
    for (int t = 0; t < kTokens; ++t) {
      for (int c = 0; c < kColumns; ++c) {
        count += dropped(1, 2, 3, 4, t, c, p) ? 1 : 0;
      }
    }
    const double n = kTokens * kColumns;
    EXPECT_NEAR(count / n, p, 4 * std::sqrt(p * (1 - p) / n)) << p;
  }
}

/// Correlation of two masks of p = 0.5 over all tokens and columns.
double correlation(const std::function<bool(int, int)>& a, const std::function<bool(int, int)>& b) {
  int agree = 0;
  for (int t = 0; t < kTokens; ++t) {
    for (int c = 0; c < kColumns; ++c) {
      agree += a(t, c) == b(t, c) ? 1 : 0;
    }
  }
  return 2.0 * agree / (kTokens * kColumns) - 1.0;
}

TEST(Dropout, NeighboursAreIndependent) {
  const float p = 0.5F;
  const auto base = [&](int t, int c) { return dropped(1, 2, 3, 4, t, c, p); };
  const double bound = 4.5 / std::sqrt(kTokens * kColumns);
  const auto expect_independent = [&](const char* what,
                                      const std::function<bool(int, int)>& other) {
    EXPECT_LT(std::abs(correlation(base, other)), bound) << what;
  };
  expect_independent("pair", [&](int t, int c) { return dropped(1, 2, 3, 4, t, c ^ 1, p); });
  expect_independent("next column", [&](int t, int c) { return dropped(1, 2, 3, 4, t, c + 1, p); });
  expect_independent("second column",
                     [&](int t, int c) { return dropped(1, 2, 3, 4, t, c + 2, p); });
  expect_independent("next token", [&](int t, int c) { return dropped(1, 2, 3, 4, t + 1, c, p); });
  expect_independent("next row", [&](int t, int c) { return dropped(1, 2, 3, 5, t, c, p); });
  expect_independent("next place", [&](int t, int c) { return dropped(1, 2, 4, 4, t, c, p); });
  expect_independent("next step", [&](int t, int c) { return dropped(1, 3, 3, 4, t, c, p); });
  expect_independent("next seed", [&](int t, int c) { return dropped(2, 2, 3, 4, t, c, p); });
  expect_independent("next head",
                     [&](int t, int c) { return dropped(1, 2, 3, 4, t, c + 4096, p); });
}

TEST(Dropout, EveryColumnAndTokenHasItsShare) {
  for (int c = 0; c < kColumns; ++c) {
    int count = 0;
    for (int t = 0; t < 4 * kTokens; ++t) {
      count += dropped(1, 2, 3, 4, t, c, 0.5F) ? 1 : 0;
    }
    EXPECT_NEAR(count, 2 * kTokens, 5 * std::sqrt(kTokens)) << c;
  }
}

}  // namespace
}  // namespace pals

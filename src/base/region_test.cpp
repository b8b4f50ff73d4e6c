#include "base/region.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <thread>
#include <vector>

#include "base/random.h"

namespace pals {
namespace {

constexpr size_t kUnit = Region::kUnit;

std::byte* take(Region& region, size_t bytes) {
  return static_cast<std::byte*>(region.take(bytes));
}

/// Whether the page at an address of a region has memory.
bool has_memory(const void* address) {
  unsigned char resident = 0;
  const auto page = reinterpret_cast<uintptr_t>(address) / 4096 * 4096;
  EXPECT_EQ(mincore(reinterpret_cast<void*>(page), 1, &resident), 0);
  return (resident & 1) != 0;
}

/// Takes and gives back small blocks for so many periods.
void pass_periods(Region& region, int64_t periods) {
  for (int64_t i = 0; i < periods * Region::kPeriod; ++i) region.give_back(region.take(64));
}

TEST(Region, GivesTheLowestPlace) {
  Region region(4 * kUnit);
  std::byte* const a = take(region, 100);
  std::byte* const b = take(region, 1000);
  std::byte* const c = take(region, 10);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(a) % kUnit, 0U);
  EXPECT_EQ(b - a, 128);  // whole lines of 64
  EXPECT_EQ(c - b, 1024);
  region.give_back(b);
  region.give_back(a);
  EXPECT_EQ(take(region, 128 + 1024), a);  // the two ranges have become one
  EXPECT_EQ(take(region, 64), c + 64);
  EXPECT_TRUE(region.holds(a));
  EXPECT_TRUE(region.holds(a + 4 * kUnit - 1));
  EXPECT_FALSE(region.holds(a + 4 * kUnit));
  EXPECT_FALSE(region.holds(a - 1));
}

TEST(Region, JoinsRangesInWhateverOrderTheyCome) {
  constexpr size_t kBlocks = 4;
  std::vector<size_t> order = {0, 1, 2, 3};
  do {
    Region region(kUnit);
    std::vector<std::byte*> blocks;
    for (size_t i = 0; i < kBlocks; ++i) blocks.push_back(take(region, kUnit / kBlocks));
    EXPECT_EQ(region.take(1), nullptr);
    for (const size_t i : order) region.give_back(blocks[i]);
    EXPECT_EQ(take(region, kUnit), blocks[0]);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(Region, SaysNoWhenThereIsNoRoom) {
  Region region(3 * kUnit - 1);  // two units
  EXPECT_EQ(region.take(SIZE_MAX), nullptr);
  EXPECT_EQ(region.take(SIZE_MAX - 63), nullptr);
  EXPECT_EQ(region.take(2 * kUnit + 1), nullptr);
  void* const all = region.take(2 * kUnit);
  ASSERT_NE(all, nullptr);
  EXPECT_EQ(region.take(0), nullptr);
  region.give_back(all);
  void* const nothing = region.take(0);
  EXPECT_NE(nothing, nullptr);
  EXPECT_NE(region.take(0), nothing);
}

TEST(Region, WithoutAddressesHasNoRoom) {
  for (const size_t capacity : {size_t{0}, kUnit - 1, SIZE_MAX, SIZE_MAX / 2}) {
    Region region(capacity);
    EXPECT_EQ(region.take(1), nullptr);
    EXPECT_EQ(region.take(SIZE_MAX), nullptr);
    EXPECT_FALSE(region.holds(nullptr));
    EXPECT_FALSE(region.holds(&region));
    region.release_pages();
    EXPECT_EQ(region.bytes_kept(), 0U);
  }
}

TEST(Region, KeepsPagesThatAreUsed) {
  Region region(16 * kUnit);
  for (int i = 0; i < 4; ++i) {
    std::byte* const block = take(region, 3 * kUnit);
    std::memset(block, 1, 3 * kUnit);
    region.give_back(block);
    EXPECT_TRUE(has_memory(block + 2 * kUnit));
    pass_periods(region, 1);
  }
  EXPECT_EQ(region.bytes_kept(), 3 * kUnit);
}

TEST(Region, GivesIdlePagesBackToTheSystem) {
  Region region(16 * kUnit);
  std::byte* const giant = take(region, 8 * kUnit);
  std::memset(giant, 1, 8 * kUnit);
  std::byte* const kept = take(region, kUnit / 2);  // in the ninth unit
  std::memset(kept, 2, kUnit / 2);
  EXPECT_EQ(region.bytes_kept(), 9 * kUnit);
  region.give_back(giant);
  std::byte* const small = take(region, 1000);
  std::memset(small, 3, 1000);

  pass_periods(region, 2);
  EXPECT_EQ(region.bytes_kept(), 2 * kUnit);
  EXPECT_FALSE(has_memory(giant + kUnit));
  EXPECT_FALSE(has_memory(giant + 8 * kUnit - 1));
  const auto is = [](std::byte value) { return [=](std::byte b) { return b == value; }; };
  EXPECT_TRUE(std::all_of(kept, kept + kUnit / 2, is(std::byte{2})));
  EXPECT_TRUE(std::all_of(small, small + 1000, is(std::byte{3})));

  EXPECT_EQ(take(region, 8 * kUnit - 1024), giant + 1024);  // and there is room again
  EXPECT_EQ(region.bytes_kept(), 9 * kUnit);
}

TEST(Region, GivesAllFreePagesBackWhenAsked) {
  Region region(8 * kUnit);
  std::byte* const free = take(region, 3 * kUnit);
  std::byte* const kept = take(region, 100);
  std::memset(free, 1, 3 * kUnit);
  std::memset(kept, 1, 100);
  region.give_back(free);
  EXPECT_TRUE(has_memory(free));
  region.release_pages();
  EXPECT_FALSE(has_memory(free));
  EXPECT_FALSE(has_memory(free + 3 * kUnit - 1));
  EXPECT_EQ(kept[99], std::byte{1});
  EXPECT_EQ(region.bytes_kept(), kUnit);
}

// Threads fill their blocks with bytes of their own and look later whether these are still there;
// a few periods go by.
TEST(Region, ServesManyThreads) {
  constexpr int kThreads = 4, kTurns = 10'000;
  Region region(64 * kUnit);
  const auto work = [&region](int thread) {
    struct Block {
      std::byte *begin, *end, value;
    };
    std::vector<Block> blocks;
    Random random(static_cast<uint64_t>(thread));
    for (int turn = 0; turn < kTurns; ++turn) {
      if (blocks.size() < 16 && random.below(2) == 0) {
        const size_t bytes = 1 + random.below(random.below(64) == 0 ? kUnit : 4096);
        std::byte* const begin = take(region, bytes);
        ASSERT_NE(begin, nullptr);
        ASSERT_EQ(reinterpret_cast<uintptr_t>(begin) % Region::kAlignment, 0U);
        const auto value = static_cast<std::byte>(turn * kThreads + thread);
        std::fill(begin, begin + bytes, value);
        blocks.push_back({begin, begin + bytes, value});
      } else if (!blocks.empty()) {
        std::swap(blocks[random.below(blocks.size())], blocks.back());
        const Block& block = blocks.back();
        ASSERT_TRUE(std::all_of(block.begin, block.end,
                                [&block](std::byte byte) { return byte == block.value; }));
        region.give_back(block.begin);
        blocks.pop_back();
      }
    }
    for (const Block& block : blocks) region.give_back(block.begin);
  };
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) threads.emplace_back(work, thread);
  for (std::thread& thread : threads) thread.join();
  EXPECT_NE(region.take(64 * kUnit), nullptr);  // all is one range again
}

}  // namespace
}  // namespace pals

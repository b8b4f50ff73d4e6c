#include "base/checksum.h"

#include <gtest/gtest.h>

#include <set>

#include "base/crc32c.h"

namespace pals {
namespace {

std::string hex_of(std::string_view bytes) {
  Checksum128 sum;
  sum.update(bytes);
  return sum.hex();
}

std::string some_bytes(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 131 + i / 251);
  return bytes;
}

TEST(Checksum, IsFourCrcsOfQuarters) {
  const std::string bytes = some_bytes(4 * 24);
  char text[33];
  std::snprintf(text, sizeof(text), "%08x%08x%08x%08x", crc32c(bytes.substr(0, 24)),
                crc32c(bytes.substr(24, 24)), crc32c(bytes.substr(48, 24)),
                crc32c(bytes.substr(72, 24)) ^ 96U);
  EXPECT_EQ(hex_of(bytes), text);
}

TEST(Checksum, EveryFlippedBitChangesIt) {
  for (const size_t size : {1U, 31U, 32U, 100U}) {
    std::string bytes = some_bytes(size);
    std::set<std::string> seen = {hex_of(bytes)};
    for (size_t bit = 0; bit < 8 * size; ++bit) {
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
      EXPECT_TRUE(seen.insert(hex_of(bytes)).second) << bit;
      bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    }
  }
}

TEST(Checksum, WholeBlocksMayComeOneByOne) {
  const std::string bytes = some_bytes(2 * Checksum128::kBlock + 77);
  Checksum128 sum;
  sum.update(std::string_view(bytes).substr(0, Checksum128::kBlock));
  sum.update(std::string_view(bytes).substr(Checksum128::kBlock, Checksum128::kBlock));
  sum.update(std::string_view(bytes).substr(2 * Checksum128::kBlock));
  EXPECT_EQ(sum.hex(), hex_of(bytes));
  EXPECT_NE(hex_of(bytes.substr(1)), hex_of(bytes));
  EXPECT_NE(hex_of(std::string(8, '\0')), hex_of(""));
}

}  // namespace
}  // namespace pals

#include "base/hash.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"

namespace pals {
namespace {

std::string some_bytes(size_t size) {
  Random random(1, 2);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random.next());
  return bytes;
}

// Model folders and caches keep these: a change of the function makes them all look altered.
TEST(Hash, StaysTheSame) {
  EXPECT_EQ(content_hash_hex(""), "bd575a2485062b9f34513f538b89d7fd");
  EXPECT_EQ(content_hash_hex("abc"), "76b906b16e318945b35f562b1c89c778");
  EXPECT_EQ(content_hash_hex(std::string(1000, 'x')), "e9b79149742e8d293247834cac22974b");
}

TEST(Hash, DoesNotDependOnTheCuts) {
  const std::string bytes = some_bytes(101);
  const std::string whole = content_hash_hex(bytes);
  for (size_t first = 0; first <= bytes.size(); ++first) {
    for (const size_t step : {1U, 7U, 16U, 33U}) {
      Hasher128 hasher;
      hasher.update(std::string_view(bytes).substr(0, first));
      for (size_t at = first; at < bytes.size(); at += step) {
        hasher.update(std::string_view(bytes).substr(at, step));
      }
      ASSERT_EQ(hasher.hex(), whole) << first << " " << step;
    }
  }
}

TEST(Hash, TellsSimilarInputsApart) {
  std::set<std::string> seen;
  size_t made = 0;
  std::string bytes = some_bytes(64);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const char flip = static_cast<char>(1 << bit % 8);
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ flip);
    seen.insert(content_hash_hex(bytes));
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ flip);
    ++made;
  }
  // Zeros of every length: padding must not hide the length.
  for (size_t size = 0; size < 100; ++size, ++made) {
    seen.insert(content_hash_hex(std::string(size, '\0')));
  }
  EXPECT_EQ(seen.size(), made);
  for (const std::string& hash : seen) ASSERT_EQ(hash.size(), 32U);
}

// Each flipped input bit should flip about half of the 128 output bits.
TEST(Hash, SpreadsEveryBit) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  std::string bytes = some_bytes(40);
  const std::string before = content_hash_hex(bytes);
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const char flip = static_cast<char>(1 << bit % 8);
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ flip);
    const std::string after = content_hash_hex(bytes);
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ flip);
    int flipped = 0;
    for (size_t i = 0; i < 32; ++i) {
      flipped += __builtin_popcount(static_cast<unsigned>(digit(before[i]) ^ digit(after[i])));
    }
    EXPECT_GT(flipped, 32) << bit;
    EXPECT_LT(flipped, 96) << bit;
  }
}

TEST(Hash, MayBeAskedOnTheWay) {
  Hasher128 hasher;
  hasher.update("ab");
  EXPECT_EQ(hasher.hex(), content_hash_hex("ab"));
  hasher.update("c");
  EXPECT_EQ(hasher.hex(), content_hash_hex("abc"));
}

TEST(Hash, TakesFiles) {
  const std::string path = std::string(PALS_SOURCE_DIR) + "/src/base/hash.h";
  EXPECT_EQ(file_hash_hex(path), content_hash_hex(read_file(path, 1 << 20)));
  EXPECT_THROW(file_hash_hex("/no/such/file"), Error);
}

}  // namespace
}  // namespace pals

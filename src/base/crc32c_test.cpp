#include "base/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace pals {
namespace {

// Values of RFC 3720, B.4.
TEST(Crc32c, KnownValues) {
  std::string ascending, descending;
  for (int i = 0; i < 32; ++i) {
    ascending += static_cast<char>(i);
    descending += static_cast<char>(31 - i);
  }
  for (const auto& sum : {crc32c, crc32c_portable}) {
    EXPECT_EQ(sum("", 0), 0u);
    EXPECT_EQ(sum("123456789", 0), 0xe3069283u);
    EXPECT_EQ(sum(std::string(32, '\0'), 0), 0x8a9136aau);
    EXPECT_EQ(sum(std::string(32, '\xff'), 0), 0x62a8ab43u);
    EXPECT_EQ(sum(ascending, 0), 0x46dd794eu);
    EXPECT_EQ(sum(descending, 0), 0x113fdb5cu);
  }
}

TEST(Crc32c, PiecesGiveTheSameSum) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += static_cast<char>(i * 37);
  const uint32_t whole = crc32c(text);
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    const std::string_view view = text;
    EXPECT_EQ(crc32c(view.substr(cut), crc32c(view.substr(0, cut))), whole);
    EXPECT_EQ(crc32c_portable(view.substr(cut), crc32c_portable(view.substr(0, cut))), whole);
  }
}

TEST(Crc32c, Masked) {
  // crc >> 15 | crc << 17, plus LevelDB's constant.
  EXPECT_EQ(masked_crc32c(""), 0xa282ead8u);
  EXPECT_EQ(masked_crc32c("123456789"), ((0xe3069283u >> 15) | (0xe3069283u << 17)) + 0xa282ead8u);
}

}  // namespace
}  // namespace pals

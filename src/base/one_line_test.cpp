#include "base/one_line.h"

#include <gtest/gtest.h>

namespace pals {
namespace {

TEST(OneLine, LeavesNoControlCharacters) {
  EXPECT_EQ(one_line("a file: 3 columns"), "a file: 3 columns");
  EXPECT_EQ(one_line("a\nb\tc\x1b[31m\r\x7f"), "a\\nb\\tc\\x1b[31m\\x0d\\x7f");
  EXPECT_EQ(one_line("gr\xC3\xBC\xC3\x9F \xE9 \xC2\x9B"), "gr\xC3\xBC\xC3\x9F \\xe9 \\xc2\\x9b");
  EXPECT_EQ(one_line(std::string("a\0b", 3)), "a\\x00b");
}

TEST(OneLine, KeepsBeginningAndEnd) {
  const std::string shown = one_line("where: " + std::string(1000, 'x') + "; what to do");
  EXPECT_EQ(shown.size(), 300U);
  EXPECT_TRUE(shown.starts_with("where: xxx")) << shown;
  EXPECT_TRUE(shown.ends_with("xxx; what to do")) << shown;
  EXPECT_NE(shown.find("x ... x"), std::string::npos);
}

TEST(OneLine, CountsCharacters) {
  std::string umlauts;
  for (int i = 0; i < 400; ++i) umlauts += "\xC3\xBC";
  EXPECT_EQ(one_line(umlauts).size(), 2 * 295U + 5U);
  EXPECT_EQ(one_line(umlauts.substr(0, 600)), umlauts.substr(0, 600));
  EXPECT_EQ(one_line(std::string(30, '\n'), 10).size(), 10U);
}

}  // namespace
}  // namespace pals

#include "base/utf8.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace pals {
namespace {

TEST(Utf8, RoundTripsEveryScalarValue) {
  for (char32_t code = 0; code < 0x110000; ++code) {
    if (code >= 0xD800 && code < 0xE000) continue;
    const std::string bytes = to_utf8(code);
    const CodePoint decoded = decode_utf8(bytes.data(), bytes.data() + bytes.size());
    ASSERT_EQ(decoded.value, code);
    ASSERT_EQ(decoded.size, bytes.size());
    for (size_t cut = 1; cut < bytes.size(); ++cut) {
      ASSERT_EQ(decode_utf8(bytes.data(), bytes.data() + cut).size, 1u);
      ASSERT_EQ(find_invalid_utf8(concat("a", bytes.substr(0, cut), "b")), 1u);
    }
  }
}

TEST(Utf8, RefusesWhatIsNotWellFormed) {
  for (const char* text : {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xE0\x9F\xBF",
                           "\xED\xA0\x80", "\xED\xBF\xBF", "\xF0\x80\x80\x80", "\xF0\x8F\xBF\xBF",
                           "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xC3(", "\xE4\xB8("}) {
    EXPECT_EQ(find_invalid_utf8(text), 0u);
  }
  EXPECT_EQ(find_invalid_utf8("\xEF\xBF\xBD\u4e2d\U0001F600 a"), std::nullopt);
  EXPECT_EQ(count_code_points("a\u4e2d\U0001F600\u00e9"), 4u);
}

}  // namespace
}  // namespace pals

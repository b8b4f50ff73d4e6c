#include "tasks/flat_json.h"

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"
#include "base/json.h"
#include "base/random.h"

namespace pals {
namespace {

/// Reads with a place for escaped strings that lasts.
bool read_flat_object(std::string_view text,
                      std::vector<std::pair<std::string_view, std::string_view>>& entries) {
  static std::string unescaped;
  return pals::read_flat_object(text, entries, unescaped);
}

using Entries = std::vector<std::pair<std::string_view, std::string_view>>;

TEST(FlatJson, TakesWhatIsFlat) {
  Entries entries;
  ASSERT_TRUE(read_flat_object(
      " {\"text\" : \"A \xC3\xA9t\xC3\xA9, {so}\",\"label\":-12, \"ok\":true,\"\":\"\"}\t",
      entries));
  EXPECT_EQ(
      entries,
      (Entries{{"text", "A \xC3\xA9t\xC3\xA9, {so}"}, {"label", "-12"}, {"ok", "true"}, {"", ""}}));
}

TEST(FlatJson, TakesEscapes) {
  Entries entries;
  ASSERT_TRUE(read_flat_object(
      R"({"a\\b":"\"Yes\", she said:\n\t\/ \b\f\r","plain":"no escape at all","u":"caf\u00e9 \uD83D\uDe00!"})",
      entries));
  EXPECT_EQ(entries, (Entries{{"a\\b", "\"Yes\", she said:\n\t/ \b\f\r"},
                              {"plain", "no escape at all"},
                              {"u", "caf\xC3\xA9 \xF0\x9F\x98\x80!"}}));
}

TEST(FlatJson, LeavesAllElseToTheParser) {
  Entries entries;
  for (const char* text : {"",
                           "{}",
                           "{\"a\"}",
                           "{\"a\":1",
                           "{\"a\":1}x",
                           "{\"a\":1,}",
                           "{\"a\":1,\"a\":2}",
                           "{\"a\":01}",
                           "{\"a\":-0}",
                           "{\"a\":-}",
                           "{\"a\":1.50}",
                           "{\"a\":0.01}",
                           "{\"a\":1.}",
                           "{\"a\":1-2}",
                           "{\"a\":.5}",
                           "{\"a\":1e3}",
                           "{\"a\":null}",
                           "{\"a\":[1]}",
                           "{\"a\":\"\\",
                           "{\"a\":\"\\\"}",
                           "{\"a\":\"\\x\"}",
                           "{\"a\":\"\\u12\"}",
                           "{\"a\":\"\\u-001\"}",
                           "{\"a\":\"\\u0000\"}",
                           "{\"a\":\"\\uD83D\"}",
                           "{\"a\":\"\\uD83D\\n\"}",
                           "{\"a\":\"\\uD83D\\u0041\"}",
                           "{\"a\":\"\\uDE00\\uD83D\"}",
                           "{\"a\":1,\"\\u0061\":2}",
                           "{\"a\":\"12345678\n\"}",
                           "{\"a\":\"\t\"}",
                           "{\"a\":truex}",
                           "{\"a\":1234567890123456}",
                           "[1]",
                           "{a:1}",
                           "{\"a\" 1}",
                           "{\"a\":\"b}"}) {
    EXPECT_FALSE(read_flat_object(text, entries)) << text;
  }
}

TEST(FlatJson, AgreesWithTheParser) {
  Random random(1);
  constexpr std::string_view kCharacters = "{}[]\":,\\ 01-9atrue.\nDd8C\x1F\x7F";
  int flat = 0;
  for (int i = 0; i < 200000; ++i) {
    std::string text =
        i % 2 == 0 ? R"({"a":10.25,"b":"ab","c":true,"d":-10})"
                   : R"({"a":"\u0020\uD83D\uDE00 and so on \n","b\t":"\"","c":"long, and \r\\"})";
    for (uint64_t change = random.below(4); change > 0; --change) {
      text[random.below(text.size())] = kCharacters[random.below(kCharacters.size())];
    }
    Entries entries;
    if (!read_flat_object(text, entries)) continue;
    ++flat;
    Json object;
    ASSERT_NO_THROW(object = parse_json(text, "text")) << text;
    ASSERT_EQ(object.size(), entries.size()) << text;
    for (const auto& [key, value] : entries) {
      const Json& parsed = object.at(std::string(key));
      EXPECT_EQ(parsed.is_string() ? parsed.get<std::string>() : parsed.dump(), value) << text;
    }
  }
  EXPECT_GT(flat, 1000);
}

}  // namespace
}  // namespace pals

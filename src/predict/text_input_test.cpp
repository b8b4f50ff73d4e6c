#include "predict/text_input.h"

#include <gtest/gtest.h>

#include <fstream>

#include "data/test_tokens.h"

namespace pals {
namespace {

std::pair<std::string, std::string> cut(std::string_view line, LineRule rule) {
  const TextPair texts = split_line(line, rule);
  return {std::string(texts.a), std::string(texts.b)};
}

using Pair = std::pair<std::string, std::string>;

TEST(TextInput, TabsCutOnce) {
  EXPECT_EQ(cut("a b", LineRule::kTab), Pair("a b", ""));
  EXPECT_EQ(cut("a\tb\tc", LineRule::kTab), Pair("a", "b\tc"));
  EXPECT_EQ(cut("\tb", LineRule::kTab), Pair("", "b"));
  EXPECT_EQ(cut("", LineRule::kTab), Pair("", ""));
}

TEST(TextInput, BarsCutAtTheLastOnes) {
  EXPECT_EQ(cut("  a b \t", LineRule::kBars), Pair("a b", ""));
  EXPECT_EQ(cut("a ||| b", LineRule::kBars), Pair("a", "b"));
  EXPECT_EQ(cut("a ||| b ||| c", LineRule::kBars), Pair("a ||| b", "c"));
  EXPECT_EQ(cut("a |||b", LineRule::kBars), Pair("a |||b", ""));
  EXPECT_EQ(cut("a ||| ", LineRule::kBars), Pair("a |||", ""));
  EXPECT_EQ(cut("a\tb", LineRule::kBars), Pair("a\tb", ""));
}

TEST(TextInput, ColumnsByNumberOrName) {
  EXPECT_EQ(parse_column("0").number, 0);
  EXPECT_EQ(parse_column("-1").number, -1);
  EXPECT_EQ(parse_column("text"), (Column{std::nullopt, "text"}));
  EXPECT_EQ(parse_column("99999999999").name, "99999999999");
}

TEST(TextInput, EveryLineCountsEmptyOnesToo) {
  const TestFolder folder;
  std::ofstream(folder / "lines") << "a\tb\n\nc\n\n";
  const auto input = open_lines(folder / "lines", LineRule::kTab);
  std::vector<Pair> found;
  TextPair texts;
  while (input->next(texts)) found.emplace_back(texts.a, texts.b);
  EXPECT_EQ(found, (std::vector<Pair>{{"a", "b"}, {"", ""}, {"c", ""}, {"", ""}}));
  EXPECT_TRUE(input->at_hand(0));
}

TEST(TextInput, Tables) {
  const TestFolder folder;
  std::ofstream(folder / "table.jsonl") << "{\"q\": \"why\", \"s\": 7}\n{\"s\": \"x\"}\n";
  DataFile file{.split = "input", .format = FileFormat::kJsonl};
  file.text_a = parse_column("s");
  file.text_b = parse_column("q");
  const auto input = open_table(folder / "table.jsonl", file);
  TextPair texts;
  ASSERT_TRUE(input->next(texts));
  EXPECT_EQ(texts.a, "7");
  EXPECT_EQ(texts.b, "why");
  try {
    input->next(texts);
    FAIL() << "a missing key was taken";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("table.jsonl:2"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace pals

#include "predict/text_input.h"

#include <gtest/gtest.h>

#include <fstream>

#include "features/test_tokens.h"

namespace pals {
namespace {

std::pair<std::string, std::string> cut(std::string_view line, LineRule rule) {
  const TextPair texts = split_line(line, rule);
  return {std::string(texts.a), std::string(texts.b)};
}

using Pair = std::pair<std::string, std::string>;

std::string next_error(TextInput& input) {
  InputRow row;
  try {
    input.next(row);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

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
  InputRow row;
  while (input->next(row)) found.emplace_back(row.texts.text_a, row.texts.text_b);
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
  InputRow row;
  EXPECT_FALSE(input->has_ids());
  ASSERT_TRUE(input->next(row));
  EXPECT_EQ(row.texts.text_a, "7");
  EXPECT_EQ(row.texts.text_b, "why");
  EXPECT_NE(next_error(*input).find("table.jsonl:2"), std::string::npos);
}

TEST(TextInput, QuestionsNeedATab) {
  const TestFolder folder;
  std::ofstream(folder / "lines") << "why?\tbecause\nwhy?\n";
  const auto input = open_lines(folder / "lines", LineRule::kQuestion);
  InputRow row;
  ASSERT_TRUE(input->next(row));
  EXPECT_EQ(row.texts.text_b, "because");
  EXPECT_NE(next_error(*input).find("lines:2: no tab"), std::string::npos);
}

TEST(TextInput, LinesOfAnotherNumberOfTextsAreErrors) {
  const TestFolder folder;
  std::ofstream(folder / "lines") << "a\tb\n\n \nc\td\ne\n";
  const auto open = [&](size_t number) {
    return open_lines(std::make_unique<InputStream>(folder / "lines"), LineRule::kTab,
                      LineTexts{number, "t"});
  };
  EXPECT_NE(
      next_error(*open(1)).find("lines:1: 2 texts with tabs between, but task \"t\" takes one"),
      std::string::npos);
  const auto pairs = open(2);
  InputRow row;
  ASSERT_TRUE(pairs->next(row));
  ASSERT_TRUE(pairs->next(row));
  EXPECT_EQ(row.texts.text_b, "d");
  EXPECT_NE(next_error(*pairs).find("lines:5: 1 text, but task \"t\" takes two"),
            std::string::npos);
}

TEST(TextInput, ChoicesInLinesAndTables) {
  const TestFolder folder;
  std::ofstream(folder / "lines") << "c\tone\ttwo\nc\tone\n";
  const auto lines = open_lines(folder / "lines", LineRule::kChoices);
  InputRow row;
  ASSERT_TRUE(lines->next(row));
  EXPECT_EQ(row.texts.text_a, "c");
  EXPECT_EQ(row.texts.choices, (std::vector<std::string>{"one", "two"}));
  EXPECT_NE(next_error(*lines).find("lines:2: 1 choice, want 2 to 256"), std::string::npos);

  std::ofstream(folder / "table.csv") << "n,c,x,y,z\n k ,why,one,two,\nl,why,one,,three\n";
  DataFile file{.split = "input", .format = FileFormat::kCsv, .header = true};
  file.text_a = parse_column("c");
  file.label = parse_column("n");
  for (const char* name : {"x", "y", "z"}) file.choices.push_back(parse_column(name));
  const auto table = open_table(folder / "table.csv", file);
  EXPECT_TRUE(table->has_ids());
  ASSERT_TRUE(table->next(row));
  EXPECT_EQ(row.id, "k");
  EXPECT_EQ(row.texts.choices, (std::vector<std::string>{"one", "two"}));
  EXPECT_NE(next_error(*table).find("table.csv:3: choice 2 is empty"), std::string::npos);
}

TEST(TextInput, GoesOnBehindAFaultyRow) {
  const TestFolder folder;
  std::ofstream(folder / "lines") << "why?\tbecause\nwhy?\n\xFF\nwho?\tme\n";
  std::ofstream(folder / "table.csv") << "t,n\na,1\nb\n\"c\"d,2\ne,3\n";
  DataFile file{.split = "input", .format = FileFormat::kCsv, .header = true};
  file.text_a = parse_column("t");
  const auto read = [](TextInput& input) {
    std::string found;
    for (InputRow row;;) {
      try {
        if (!input.next(row)) return found;
        found += concat(row.texts.text_a, "@", input.line(), "+", input.place().before, " ");
      } catch (const Error&) {
        if (!input.goes_on()) return found + "broken";
        found += concat("!", input.line(), " ");
      }
    }
  };
  EXPECT_EQ(read(*open_lines(folder / "lines", LineRule::kQuestion)), "why?@1+0 !2 !3 who?@4+20 ");
  const auto table = open_table(folder / "table.csv", file);
  EXPECT_EQ(read(*table), "a@2+4 !3 !4 e@5+17 ");
  EXPECT_EQ(table->place().total, 21U);
}

TEST(TextInput, TextsAtHand) {
  const auto input = open_texts({"a\tb", "\xFF", ""}, {"c", "d", "e"}, "--text");
  InputRow row;
  ASSERT_TRUE(input->next(row));
  EXPECT_EQ(row.texts.text_a, "a\tb");
  EXPECT_EQ(row.texts.text_b, "c");
  EXPECT_NE(next_error(*input).find("--text:2: byte 1"), std::string::npos);
  EXPECT_TRUE(input->goes_on());
  ASSERT_TRUE(input->next(row));
  EXPECT_EQ(row.texts.text_b, "e");
  EXPECT_FALSE(input->next(row));
}

TEST(TextInput, SquadFiles) {
  const TestFolder folder;
  std::ofstream(folder / "dev.json")
      << R"({"data": [{"paragraphs": [{"context": "It rains.", "qas": [{"id": "a", "question": "?"},)"
      << R"({"id": "b", "question": "!", "is_impossible": true, "answers": []}]}]}]})";
  const auto input = open_squad(folder / "dev.json");
  EXPECT_TRUE(input->has_ids());
  InputRow row;
  for (const char* id : {"a", "b"}) {
    ASSERT_TRUE(input->next(row));
    EXPECT_EQ(row.id, id);
    EXPECT_EQ(row.texts.text_b, "It rains.");
  }
  EXPECT_EQ(row.texts.text_a, "!");
  EXPECT_EQ(input->place().before, 10U);
  EXPECT_EQ(input->place().total, 20U);
  EXPECT_FALSE(input->next(row));
  std::ofstream(folder / "bad.json") << "{}";
  EXPECT_NE(next_error(*open_squad(folder / "bad.json")).find("bad.json"), std::string::npos);
}

}  // namespace
}  // namespace pals

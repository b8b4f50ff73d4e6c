#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <sstream>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/random.h"
#include "text/plain_tokenizer.h"
#include "text/tokenizer_files.h"

namespace pals {
namespace {

constexpr uint64_t kMaxTestBytes = 1 << 26;

struct VectorSet {
  const char* name;
  const char* vocabulary;
  bool do_lower_case;
};

constexpr VectorSet kVectorSets[] = {
    {"uncased", "bert-base-uncased-vocab.txt", true},
    {"cased", "bert-base-cased-vocab.txt", false},
    {"multilingual_cased", "bert-base-multilingual-cased-vocab.txt", false},
    {"chinese", "bert-base-chinese-vocab.txt", true},
};

std::vector<Json> read_lines(const std::string& path) {
  std::istringstream lines(read_file(path, kMaxTestBytes));
  std::vector<Json> rows;
  for (std::string line; std::getline(lines, line);) rows.push_back(parse_json(line, path));
  return rows;
}

// A vocabulary that has the tokens of `rows` at their ids and nothing else that a text could match.
Vocabulary vocabulary_of(const std::vector<Json>& rows) {
  std::map<int32_t, std::string> tokens;
  for (const Json& row : rows) {
    for (size_t i = 0; i < row["ids"].size(); ++i) tokens[row["ids"][i]] = row["tokens"][i];
  }
  int32_t free_id = 0;
  for (const char* special : {"[PAD]", "[CLS]", "[SEP]"}) {
    while (tokens.contains(free_id)) ++free_id;
    tokens[free_id] = special;
  }
  std::string text;
  for (int32_t id = 0; id <= tokens.rbegin()->first; ++id) {
    text += tokens.contains(id) ? tokens[id] : concat("[unused", id, "]");
    text += "\n";
  }
  return Vocabulary::from_text(text, "test");
}

void expect_rows(const Tokenizer& tokenizer, const std::vector<Json>& rows) {
  ASSERT_GE(rows.size(), 49u);
  for (const Json& row : rows) {
    const auto text = row["text"].get<std::string>();
    std::vector<int32_t> ids;
    tokenizer.encode(text, ids);
    EXPECT_EQ(ids, row["ids"].get<std::vector<int32_t>>()) << row["text"];
    EXPECT_EQ(tokenizer.tokenize(text), row["tokens"].get<std::vector<std::string>>());
  }
}

class ReferenceVectors : public testing::TestWithParam<VectorSet> {};

TEST_P(ReferenceVectors, CommittedRows) {
  const VectorSet& set = GetParam();
  const auto rows =
      read_lines(concat(PALS_SOURCE_DIR, "/tests/data/tokenizer/wordpiece_", set.name, ".jsonl"));
  expect_rows(Tokenizer(vocabulary_of(rows), set.do_lower_case), rows);
}

TEST_P(ReferenceVectors, WholeSetWithItsVocabulary) {
  const char* folder = std::getenv("PALS_REFERENCE_DIR");
  if (folder == nullptr) GTEST_SKIP() << "PALS_REFERENCE_DIR is not set";
  const VectorSet& set = GetParam();
  const auto vocabulary = Vocabulary::load(concat(folder, "/../vocab/", set.vocabulary));
  const auto rows = read_lines(concat(folder, "/tokenizer/wordpiece_", set.name, ".jsonl"));
  expect_rows(Tokenizer(vocabulary, set.do_lower_case), rows);

  const PlainTokenizer plain(vocabulary, WordRules::of_case(set.do_lower_case));
  for (const Json& row : rows) {
    EXPECT_EQ(plain.encode(row["text"].get<std::string>()), row["ids"].get<std::vector<int32_t>>());
  }
}

INSTANTIATE_TEST_SUITE_P(Sets, ReferenceVectors, testing::ValuesIn(kVectorSets),
                         [](const auto& info) { return std::string(info.param.name); });

// Pieces of many scripts: every character up to U+1FFF alone, some longer tokens, ideographs.
Vocabulary mixed_vocabulary() {
  std::string text = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n";
  for (char32_t code = 0x21; code < 0x2000; ++code) {
    if (code % 5 != 0) text.append(to_utf8(code)).append("\n");
    if (code % 3 != 0) text.append("##").append(to_utf8(code)).append("\n");
  }
  for (const char* token : {"the", "##ing", "abcd", "##bcd", "##cde", "\u4e2d", "\u1100\u1161",
                            "internationalisation", "##nationalisations", "\u03b1\u03c2"}) {
    text += token + std::string("\n");
  }
  return Vocabulary::from_text(text, "test");
}

std::string random_bytes(Random& random, size_t size) {
  std::string text;
  for (size_t i = 0; i < size; ++i) text += static_cast<char>(random.below(256));
  return text;
}

// Code points of chosen neighbourhoods: where the rules have their corners.
std::string random_unicode(Random& random, size_t size) {
  struct Range {
    char32_t first, last;
  };
  constexpr Range kRanges[] = {
      {0x00, 0x7F},       {0x61, 0x66},       {0x20, 0x20},       {0x80, 0x24F},
      {0x2B0, 0x36F},     {0x370, 0x3FF},     {0x3A3, 0x3A3},     {0x400, 0x7FF},
      {0x900, 0xDFF},     {0xF00, 0xFFF},     {0x1B00, 0x1BFF},   {0x1DC0, 0x1FFF},
      {0x2000, 0x206F},   {0x2100, 0x22FF},   {0x302A, 0x3030},   {0x4E00, 0x4E10},
      {0xA8E0, 0xA9C0},   {0xAC00, 0xD7A3},   {0xE000, 0xFFFF},   {0x11000, 0x11FFF},
      {0x1D15E, 0x1D1C0}, {0x2F800, 0x2FA1F}, {0x10000, 0x1FFFF}, {0, 0x10FFFF}};
  std::string text;
  const uint64_t scripts = random.next();
  for (size_t i = 0; i < size; ++i) {
    // Few ranges in one text, so that they meet each other often.
    const uint64_t pick = (scripts >> 8 * random.below(4)) & 0xFF;
    const Range range = kRanges[pick % std::size(kRanges)];
    const auto code =
        range.first + static_cast<char32_t>(random.below(range.last - range.first + 1));
    if (code < 0xD800 || code > 0xDFFF) text += to_utf8(code);
  }
  return text;
}

void expect_as_plain(const Tokenizer& tokenizer, const PlainTokenizer& plain,
                     const std::string& text, uint64_t limit) {
  std::vector<int32_t> ids;
  tokenizer.encode(text, ids);
  ASSERT_EQ(ids, plain.encode(text)) << json_text(Json(text), -1);
  const auto tokens = tokenizer.tokenize(text);
  ASSERT_EQ(tokens.size(), ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    ASSERT_EQ(tokens[i], tokenizer.vocabulary().token(ids[i]));
  }
  std::vector<int32_t> first{-7};
  tokenizer.encode(text, first, limit);
  ids.resize(std::min<size_t>(ids.size(), limit));
  ids.insert(ids.begin(), -7);
  ASSERT_EQ(first, ids);
}

// All eight rules, by number.
WordRules rules_of(int number) { return {(number & 1) != 0, (number & 2) != 0, (number & 4) != 0}; }

TokenizerSettings settings_of(const WordRules& rules) {
  return {.do_lower_case = rules.lower_case,
          .strip_accents = rules.strip_accents,
          .tokenize_chinese_chars = rules.split_ideographs};
}

class AgainstPlain : public testing::TestWithParam<int> {
 protected:
  void check(const std::string& text, uint64_t limit = 3) {
    expect_as_plain(tokenizer_, plain_, text, limit);
  }

  Tokenizer tokenizer_{mixed_vocabulary(), settings_of(rules_of(GetParam()))};
  PlainTokenizer plain_{tokenizer_.vocabulary(), rules_of(GetParam())};
};

TEST_P(AgainstPlain, EveryCodePoint) {
  std::string spaced;
  for (char32_t code = 0; code < 0x110000; ++code) {
    if (code >= 0xD800 && code < 0xE000) continue;
    if (code == 0x32000) code = 0xE0000;  // nothing is assigned between
    spaced.append("a").append(to_utf8(code)).append("b ");
    if (code % 64 == 63) {
      check(spaced, code % 100);
      if (HasFatalFailure()) return;
      spaced.clear();
    }
  }
}

TEST_P(AgainstPlain, RandomUnicode) {
  Random random(1, static_cast<uint64_t>(GetParam()));
  for (int i = 0; i < 5000 && !HasFatalFailure(); ++i) {
    check(random_unicode(random, random.below(40)), random.below(20));
  }
}

TEST_P(AgainstPlain, RandomBytes) {
  Random random(2, static_cast<uint64_t>(GetParam()));
  for (int i = 0; i < 2000 && !HasFatalFailure(); ++i) {
    check(random_bytes(random, random.below(60)), random.below(20));
  }
}

TEST_P(AgainstPlain, LongTexts) {
  Random random(3, static_cast<uint64_t>(GetParam()));
  std::string text;
  for (int i = 0; i < 400; ++i) text += random_unicode(random, 20) + " abcdecdebcd, the ";
  for (const uint64_t limit : {0, 1, 511, 512, 513, 2000}) check(text, limit);
}

TEST_P(AgainstPlain, WordsOfEveryLength) {
  for (const std::string letter : {"a", "B", "\u00e9", "\u03a3", "\U0001D165", "\uac01"}) {
    std::string word;
    for (int size = 1; size <= 104; ++size) {
      word += letter;
      if (size > 34 && size < 98) continue;
      for (const char* end : {"", " ", ".", "\x01", "\u0301", "\u4e2d", "\xC3"}) check(word + end);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Rules, AgainstPlain, testing::Range(0, 8), [](const auto& info) {
  const WordRules rules = rules_of(info.param);
  return concat(rules.lower_case ? "lower" : "cased", rules.strip_accents ? "_stripped" : "",
                rules.split_ideographs ? "_ideographs" : "");
});

using Tokens = std::vector<std::string>;

Vocabulary few_words() {
  return Vocabulary::from_text(
      "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nparis\nis\nbig\n[\n]\n/\ne\n##1\nmask\nsep\n.\n",
      "test");
}

TEST(AddedTokens, SpecialTokensInTextAreTextUnlessAskedFor) {
  const std::string text = "paris is [MASK] . [SEP] [mask]";
  EXPECT_EQ(Tokenizer(few_words(), true).tokenize(text),
            (Tokens{"paris", "is", "[", "mask", "]", ".", "[", "sep", "]", "[", "mask", "]"}));
  EXPECT_EQ(
      Tokenizer(few_words(), TokenizerSettings{.special_tokens_in_text = true}).tokenize(text),
      (Tokens{"paris", "is", "[MASK]", ".", "[SEP]", "[", "mask", "]"}));
}

TEST(AddedTokens, StandBehindTheVocabulary) {
  const Tokenizer tokenizer(
      few_words(),
      TokenizerSettings{.added_tokens = {{.text = "[E1]", .id = 16}, {.text = "[/E1]"}}});
  EXPECT_EQ(tokenizer.tokenize("[e1]PARIS[/E1] is big"),
            (Tokens{"[E1]", "paris", "[/E1]", "is", "big"}));
  EXPECT_EQ(tokenizer.vocabulary().size(), 18);
  EXPECT_EQ(tokenizer.vocabulary().base_size(), 16);
  EXPECT_EQ(tokenizer.vocabulary().to_text(), few_words().to_text());
  EXPECT_NE(tokenizer.vocabulary().content_hash(), few_words().content_hash());
  EXPECT_EQ(tokenizer.settings().added_tokens[1].id, 17);
  std::vector<int32_t> ids;
  tokenizer.encode("[E1] paris [/E1]", ids, 2);
  EXPECT_EQ(ids, (std::vector<int32_t>{16, 5}));
}

TEST(AddedTokens, AreMadeOfNoWords) {
  const Tokenizer tokenizer(
      few_words(), TokenizerSettings{.added_tokens = {{.text = "ab", .single_word = true}}});
  EXPECT_EQ(tokenizer.tokenize("ab abis, ab."), (Tokens{"ab", "[UNK]", "[UNK]", "ab", "."}));
}

TEST(AddedTokens, KeepTheirCaseIfNotNormalized) {
  const Tokenizer tokenizer(
      few_words(), TokenizerSettings{.added_tokens = {{.text = "<Ent>", .normalized = false}}});
  EXPECT_EQ(tokenizer.tokenize("<Ent>paris"), (Tokens{"<Ent>", "paris"}));
  EXPECT_EQ(tokenizer.tokenize("<ent>"), (Tokens{"[UNK]", "[UNK]", "[UNK]"}));
}

TEST(AddedTokens, OfOneIdAreErrors) {
  const auto error_of = [](std::vector<AddedToken> added) -> std::string {
    try {
      const Tokenizer tokenizer(few_words(), TokenizerSettings{.added_tokens = std::move(added)});
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(error_of({{.text = "x", .id = 5}}),
            "added token \"x\" has the id 5 of the token \"paris\"");
  EXPECT_EQ(error_of({{.text = "x", .id = 20}, {.text = "y", .id = 20}}),
            "added token \"y\" has the id 20 of the token \"x\"");
  EXPECT_EQ(error_of({{.text = "paris", .id = 5}, {.text = "x", .id = 20}}), "");
}

// Lines of tests/tokenizer_lines.py: what the package tokenizers makes of texts under each setting.
void expect_lines(const std::string& path) {
  const std::vector<Json> rows = read_lines(path);
  ASSERT_GT(rows.size(), 200u);
  std::string tokens;
  for (const Json& token : rows[0]["vocabulary"]) tokens += token.get<std::string>() + "\n";
  const Vocabulary vocabulary = Vocabulary::from_text(tokens, path);
  std::vector<Tokenizer> tokenizers;
  for (const Json& settings : rows[0]["settings"]) {
    tokenizers.emplace_back(vocabulary, parse_tokenizer_config(settings, path).resolve(true));
  }
  int wrong = 0;
  for (size_t i = 1; i < rows.size() && wrong < 10; ++i) {
    const Tokenizer& tokenizer = tokenizers[rows[i]["settings"].get<size_t>()];
    std::vector<int32_t> ids;
    tokenizer.encode(rows[i]["text"].get<std::string>(), ids);
    if (ids == rows[i]["ids"].get<std::vector<int32_t>>()) continue;
    ++wrong;
    std::string expected;
    for (const int32_t id : rows[i]["ids"]) expected += tokenizer.vocabulary().token(id) + " ";
    ADD_FAILURE() << rows[i]["text"].dump(-1, ' ', true) << " under "
                  << rows[0]["settings"][rows[i]["settings"].get<size_t>()] << ": "
                  << testing::PrintToString(tokenizer.tokenize(rows[i]["text"].get<std::string>()))
                  << ", expected " << expected;
  }
}

TEST(TransformersLines, CommittedOnes) {
  expect_lines(concat(PALS_SOURCE_DIR, "/tests/data/tokenizer/settings.jsonl"));
}

TEST(TransformersLines, FreshOnes) {
  const char* path = std::getenv("PALS_TOKENIZER_LINES");
  if (path == nullptr) GTEST_SKIP() << "PALS_TOKENIZER_LINES is not set";
  expect_lines(path);
}

TEST(Tokenizer, LowersSigmaByItsContext) {
  const Tokenizer tokenizer(
      Vocabulary::from_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n\u03b1\n\u03c3\n\u03c2\n##\u03b1\n"
                            "##\u03c3\n##\u03c2\n.\n'\n",
                            "test"),
      true);
  EXPECT_EQ(tokenizer.tokenize("\u0391\u03a3"), (Tokens{"\u03b1", "##\u03c2"}));
  EXPECT_EQ(tokenizer.tokenize("\u03a3"), (Tokens{"\u03c3"}));
  EXPECT_EQ(tokenizer.tokenize("\u0391\u03a3\u0391"), (Tokens{"\u03b1", "##\u03c3", "##\u03b1"}));
  // The context reaches across characters that are split off or dropped later, not across blanks.
  EXPECT_EQ(tokenizer.tokenize("\u0391.\u03a3"), (Tokens{"\u03b1", ".", "\u03c2"}));
  EXPECT_EQ(tokenizer.tokenize("\u0391\u03a3'\u0391"),
            (Tokens{"\u03b1", "##\u03c3", "'", "\u03b1"}));
  EXPECT_EQ(tokenizer.tokenize("\u0391\u03a3\x01\u0301\u0391"),
            (Tokens{"\u03b1", "##\u03c3", "##\u03b1"}));
  EXPECT_EQ(tokenizer.tokenize("\u0391 \u03a3"), (Tokens{"\u03b1", "\u03c3"}));
}

TEST(Tokenizer, ReordersCombiningCharacters) {
  // U+302E (class 224) and U+1D165 (class 216) are no Mn; NFD puts the latter first.
  const std::string ordered = "a\U0001D165\u302E";
  const Tokenizer tokenizer(
      Vocabulary::from_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\nb\n!\n" + ordered + "\n", "test"), true);
  EXPECT_EQ(tokenizer.tokenize("B!A\u302E\u0301\U0001D165!b"),
            (Tokens{"b", "!", ordered, "!", "b"}));
  // A mark of class 0 is dropped, too, but only after keeping its neighbours apart.
  EXPECT_EQ(tokenizer.tokenize("A\u302E\u034F\U0001D165"), (Tokens{"[UNK]"}));
}

TEST(Tokenizer, IsSharedByThreads) {
  const Tokenizer tokenizer(mixed_vocabulary(), true);
  Random random(4);
  const std::string text = random_unicode(random, 5000);
  const auto expected = tokenizer.tokenize(text);
  std::vector<std::vector<std::string>> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results) threads.emplace_back([&] { result = tokenizer.tokenize(text); });
  for (auto& thread : threads) thread.join();
  for (const auto& result : results) EXPECT_EQ(result, expected);
}

}  // namespace
}  // namespace pals

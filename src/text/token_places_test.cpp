#include "text/token_places.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "base/json.h"
#include "text/tokenizer_settings.h"

namespace pals {
namespace {

using Places = std::vector<std::optional<TokenPlace>>;

// The bytes of each token; "?" where its place is not known.
std::vector<std::string> texts_of(const Tokenizer& tokenizer, const std::string& text) {
  std::vector<int32_t> ids;
  tokenizer.encode(text, ids);
  const Places places = token_places(tokenizer, text, ids);
  EXPECT_EQ(places.size(), ids.size());
  std::vector<std::string> texts;
  for (const auto& place : places) {
    texts.push_back(place ? text.substr(place->begin, place->end - place->begin) : "?");
  }
  return texts;
}

using Texts = std::vector<std::string>;

Tokenizer make_tokenizer(TokenizerSettings settings) {
  return {
      Vocabulary::from_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##want\n##ed\ncafe\n,\nno\n中\n##te\n"
                            "##s\nstrasse\nss\n##ss\n",
                            "test"),
      std::move(settings)};
}

TEST(TokenPlaces, AreThoseOfTheText) {
  const Tokenizer tokenizer = make_tokenizer({.do_lower_case = true});
  EXPECT_EQ(texts_of(tokenizer, "  UNwanted,\tCaf\u00e9 no\u00adtes"),
            (Texts{"UN", "want", "ed", ",", "Caf\u00e9", "no", "te", "s"}));
}

TEST(TokenPlaces, AWordThatIsUnknownIsOneToken) {
  const Tokenizer tokenizer = make_tokenizer({.do_lower_case = true});
  EXPECT_EQ(texts_of(tokenizer, "xyzzy,no plugh"), (Texts{"xyzzy", ",", "no", "plugh"}));
}

TEST(TokenPlaces, IdeographsStandAlone) {
  const Tokenizer tokenizer = make_tokenizer({.do_lower_case = true});
  EXPECT_EQ(texts_of(tokenizer, "no中no"), (Texts{"no", "中", "no"}));
}

TEST(TokenPlaces, AddedTokensAreFoundAsWritten) {
  TokenizerSettings settings{.do_lower_case = true};
  settings.added_tokens.push_back({.text = "[My Mark]"});
  const Tokenizer tokenizer = make_tokenizer(settings);
  EXPECT_EQ(texts_of(tokenizer, "no [My Mark]no,"), (Texts{"no", "[My Mark]", "no", ","}));
}

TEST(TokenPlaces, OfHostileBytes) {
  const Tokenizer tokenizer = make_tokenizer({.do_lower_case = true});
  EXPECT_EQ(texts_of(tokenizer, "\xff\xfeno\xc3"), (Texts{"no"}));
  EXPECT_TRUE(texts_of(tokenizer, "").empty());
  // More ids than the text has.
  const std::vector<int32_t> ids{9, 9, 9};
  EXPECT_EQ(token_places(tokenizer, "no", ids), (Places{TokenPlace{0, 2}, {}, {}}));
}

// tests/tokenizer_lines.py gives places as the package tokenizers tells them.
TEST(TokenPlaces, ThoseOfTheTokenizersPackage) {
  const char* const given = std::getenv("PALS_TOKENIZER_LINES");
  if (given == nullptr) GTEST_SKIP() << "PALS_TOKENIZER_LINES is not set";
  std::ifstream stream(given);
  std::string line;
  ASSERT_TRUE(std::getline(stream, line));
  const Json head = Json::parse(line);
  std::string tokens;
  for (const Json& token : head["vocabulary"]) tokens += token.get<std::string>() + "\n";
  std::vector<Tokenizer> tokenizers;
  for (const Json& settings : head["settings"]) {
    tokenizers.emplace_back(Vocabulary::from_text(tokens, "test"),
                            TokenizerSettings{.do_lower_case = settings["do_lower_case"]});
  }
  int64_t compared = 0;
  while (std::getline(stream, line)) {
    const Json row = Json::parse(line);
    const Json& settings = head["settings"][row["settings"].get<size_t>()];
    if (!settings["strip_accents"].is_null() || !settings["tokenize_chinese_chars"].get<bool>() ||
        settings["special_tokens_in_text"].get<bool>() ||
        settings.contains("added_tokens_decoder")) {
      continue;
    }
    const Tokenizer& tokenizer = tokenizers[row["settings"].get<size_t>()];
    const auto text = row["text"].get<std::string>();
    std::vector<int32_t> ids;
    tokenizer.encode(text, ids);
    const Places places = token_places(tokenizer, text, ids);
    const Json& expected = row["offsets"];
    ASSERT_EQ(places.size(), expected.size()) << text;
    for (size_t i = 0; i < places.size(); ++i) {
      ASSERT_TRUE(places[i]) << text;
      EXPECT_EQ(Json({places[i]->begin, places[i]->end}), expected[i]) << text << " " << i;
    }
    ++compared;
  }
  EXPECT_GT(compared, 0);
}

}  // namespace
}  // namespace pals

#include "text/tokenizer_files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "text/tokenizer.h"

namespace pals {
namespace {

using Tokens = std::vector<std::string>;

Json tokenizer_json() {
  return Json::parse(R"({
    "version": "1.0", "truncation": null, "padding": null,
    "added_tokens": [
      {"id": 0, "content": "[PAD]", "single_word": false, "lstrip": false, "rstrip": false,
       "normalized": false, "special": true},
      {"id": 6, "content": "[E1]", "single_word": false, "lstrip": true, "rstrip": false,
       "normalized": false, "special": true}],
    "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": false,
                   "strip_accents": null, "lowercase": false},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
              "max_input_chars_per_word": 100,
              "vocab": {"[SEP]": 3, "[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "Paris": 4, "##s": 5}}})");
}

template <typename Action>
std::string error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(TokenizerJson, HoldsVocabularyNormalizerAndAddedTokens) {
  const Json json = tokenizer_json();
  const Vocabulary vocabulary = parse_vocabulary(json, "t.json");
  EXPECT_EQ(vocabulary.to_text(), "[PAD]\n[UNK]\n[CLS]\n[SEP]\nParis\n##s\n");
  const StatedSettings stated = parse_tokenizer_json(json, "t.json");
  EXPECT_EQ(stated.do_lower_case, false);
  EXPECT_EQ(stated.strip_accents, std::nullopt);
  EXPECT_EQ(stated.tokenize_chinese_chars, false);
  ASSERT_EQ(stated.added_tokens.size(), 1u) << "[PAD] is none";
  const Tokenizer tokenizer(vocabulary, stated.resolve(true));
  EXPECT_EQ(tokenizer.tokenize("Pariss[E1]"), (Tokens{"Paris", "##s", "[E1]"}));
}

TEST(TokenizerJson, RefusesOtherTokenizersByName) {
  const auto refusal = [](const char* pointer, const Json& value) {
    Json json = tokenizer_json();
    json[Json::json_pointer(pointer)] = value;
    return error_of([&] { parse_tokenizer_json(json, "t.json"); });
  };
  EXPECT_EQ(refusal("/version", "1.0"), "");
  EXPECT_EQ(refusal("/model/type", "BPE"),
            "t.json: a tokenizer of the model \"BPE\", expected WordPiece");
  EXPECT_EQ(refusal("/model/type", "Unigram"),
            "t.json: a tokenizer of the model \"Unigram\", expected WordPiece");
  EXPECT_NE(error_of([] { parse_tokenizer_json(Json::array(), "t.json"); }), "");
  EXPECT_EQ(refusal("/model", nullptr),
            "t.json: a tokenizer of the model nothing, expected WordPiece");
  EXPECT_EQ(refusal("/model/continuing_subword_prefix", "_"),
            "t.json: \"continuing_subword_prefix\" is '\"_\"', expected \"##\"");
  EXPECT_NE(refusal("/model/max_input_chars_per_word", 50), "");
  EXPECT_NE(refusal("/model/unk_token", "<unk>"), "");
  EXPECT_EQ(refusal("/normalizer/type", "NFKC"),
            "t.json: a normalizer of the type \"NFKC\", expected BertNormalizer");
  EXPECT_NE(refusal("/normalizer", nullptr), "");
  EXPECT_NE(refusal("/normalizer/clean_text", false), "");
  EXPECT_NE(refusal("/pre_tokenizer/type", "Whitespace"), "");
  EXPECT_NE(refusal("/added_tokens/0/id", -1), "");
  EXPECT_NE(refusal("/added_tokens/0", 3), "");
}

TEST(TokenizerJson, IdsOfTheVocabularyAreChecked) {
  const auto refusal = [](const Json& id) {
    Json json = tokenizer_json();
    json["model"]["vocab"]["##s"] = id;
    return error_of([&] { parse_vocabulary(json, "t.json"); });
  };
  EXPECT_EQ(refusal(9), "") << "ids may be in use by no token";
  EXPECT_EQ(refusal(4), "t.json: tokens \"##s\" and \"Paris\" have the same id 4");
  for (const Json& bad : {Json(-1), Json(1'000'000), Json("5"), Json(1e18), Json()}) {
    EXPECT_NE(refusal(bad), "") << bad;
  }
  Json json = tokenizer_json();
  json["model"]["vocab"].erase("[SEP]");
  EXPECT_NE(error_of([&] { parse_vocabulary(json, "t.json"); }).find("no [SEP]"),
            std::string::npos);
}

TEST(TokenizerConfig, IsReadAndWritten) {
  const TokenizerSettings settings{
      .do_lower_case = false,
      .strip_accents = true,
      .tokenize_chinese_chars = false,
      .special_tokens_in_text = true,
      .added_tokens = {{.text = "a", .id = 7, .single_word = true, .normalized = true},
                       {.text = "b", .id = 8, .single_word = false, .normalized = false}}};
  const Json json = tokenizer_config_keys(settings);
  EXPECT_EQ(parse_tokenizer_config(json, "c").resolve(true), settings);
  EXPECT_EQ(tokenizer_config_keys({}).dump(), "{\"do_lower_case\":true}");
}

TEST(TokenizerConfig, SaysWhatItSays) {
  const auto parse = [](const char* text) {
    return parse_tokenizer_config(Json::parse(text), "c.json");
  };
  EXPECT_EQ(parse("{}").do_lower_case, std::nullopt);
  EXPECT_EQ(parse(R"({"strip_accents": null, "do_lower_case": false})").do_lower_case, false);
  const auto added = parse(R"({"additional_special_tokens": ["<a>", {"content": "<b>"}, "[CLS]"],
                               "added_tokens_decoder": {"5": {"content": "<a>", "special": true}}})")
                         .added_tokens;
  ASSERT_EQ(added.size(), 2u);
  EXPECT_EQ(added[0], (AddedToken{.text = "<a>", .id = 5, .normalized = false}));
  EXPECT_EQ(added[1].text, "<b>");
  for (const char* bad :
       {"[]", R"({"do_lower_case": 1})", R"({"strip_accents": "no"})", R"({"never_split": ["a"]})",
        R"({"do_basic_tokenize": false})", R"({"added_tokens_decoder": {"x": {"content": "a"}}})",
        R"({"added_tokens_decoder": {"5": {}}})", R"({"added_tokens_decoder": {"-5": "a"}})",
        R"({"additional_special_tokens": "a"})"}) {
    EXPECT_NE(error_of([&] { parse(bad); }), "") << bad;
  }
}

TEST(StatedSettings, TheFirstFileDecides) {
  StatedSettings first, second;
  first.do_lower_case = false;
  first.added_tokens = {{.text = "a"}};
  second.do_lower_case = true;
  second.strip_accents = true;
  second.added_tokens = {{.text = "a", .id = 9}, {.text = "b", .id = 10}};
  first.complete_with(second, "w");
  EXPECT_EQ(first.do_lower_case, false);
  EXPECT_EQ(first.strip_accents, true);
  EXPECT_EQ(first.added_tokens.size(), 2u);
  EXPECT_EQ(first.added_tokens[0].id, 9);
  second.added_tokens[0].id = 11;
  EXPECT_EQ(error_of([&] { first.complete_with(second, "w"); }),
            "w: added token \"a\" has the id 11, elsewhere 9");
  EXPECT_FALSE(StatedSettings().resolve(false).do_lower_case);
}

TEST(TokenizerFiles, AFolderIsReadInOrder) {
  const std::string folder = testing::TempDir() + "pals_tokenizer_" + std::to_string(::getpid());
  make_directories(folder);
  const auto write = [&](const char* name, const std::string& text) {
    write_file_atomically(folder + "/" + name, text);
  };
  EXPECT_NE(error_of([&] { read_vocabulary(find_tokenizer_files(folder)); }), "");
  write("tokenizer.json", tokenizer_json().dump());
  EXPECT_EQ(read_vocabulary(find_tokenizer_files(folder)).size(), 6);
  write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\nParis\n##s\n");
  write("tokenizer_config.json", R"({"do_lower_case": true})");
  write("added_tokens.json", R"({"[E1]": 6, "[E2]": 7})");
  const TokenizerFiles files = find_tokenizer_files(folder);
  const StatedSettings stated = read_stated_settings(files);
  EXPECT_EQ(stated.do_lower_case, true);
  EXPECT_EQ(stated.tokenize_chinese_chars, false);
  const Tokenizer tokenizer(read_vocabulary(files), stated.resolve(false));
  EXPECT_EQ(tokenizer.tokenize("[E1][E2]"), (Tokens{"[E1]", "[E2]"}));
  EXPECT_EQ(added_tokens_json(tokenizer.settings(), tokenizer.vocabulary()),
            Json::parse(R"({"[E1]": 6, "[E2]": 7})"));
  write("added_tokens.json", R"({"[E1]": 7})");
  EXPECT_NE(error_of([&] { read_stated_settings(files); }).find("elsewhere 6"), std::string::npos);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace pals

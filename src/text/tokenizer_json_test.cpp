#include "text/tokenizer_json.h"

#include <gtest/gtest.h>

#include "text/tokenizer.h"
#include "text/tokenizer_files.h"

namespace pals {
namespace {

Vocabulary vocabulary() {
  return Vocabulary::from_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\nwalk\n##ing\nwalk\n", "vocab.txt");
}

TEST(TokenizerJson, ReadsBack) {
  TokenizerSettings settings;
  settings.do_lower_case = false;
  settings.strip_accents = true;
  settings.tokenize_chinese_chars = false;
  settings.added_tokens = {{.text = "<code>", .single_word = true, .normalized = false},
                           {.text = "Name"}};
  const Tokenizer tokenizer(vocabulary(), settings);
  const Json json = tokenizer_json(tokenizer.settings(), tokenizer.vocabulary());
  const StatedSettings stated = parse_tokenizer_json(json, "tokenizer.json");
  EXPECT_EQ(stated.resolve(true), tokenizer.settings());
  const Vocabulary again = parse_vocabulary(json, "tokenizer.json");
  EXPECT_EQ(again.find("walk"), 6);
  EXPECT_EQ(again.find("##ing"), 5);
  EXPECT_EQ(again.find("<code>"), std::nullopt);
  const Json config =
      transformers_tokenizer_config(tokenizer.settings(), tokenizer.vocabulary(), 9);
  EXPECT_EQ(parse_tokenizer_config(config, "tokenizer_config.json").resolve(true),
            tokenizer.settings());
  EXPECT_EQ(config["model_max_length"], 9);
}

// What transformers would otherwise look for in texts, or add behind the vocabulary.
TEST(TokenizerJson, SaysWhatSpecialTokensAre) {
  TokenizerSettings settings;
  Json config = transformers_tokenizer_config(settings, vocabulary(), 9);
  EXPECT_EQ(config["split_special_tokens"], true);
  EXPECT_TRUE(config["mask_token"].is_null());
  EXPECT_EQ(config["cls_token"], "[CLS]");
  EXPECT_FALSE(special_tokens_map(vocabulary()).contains("mask_token"));
  settings.special_tokens_in_text = true;
  config = transformers_tokenizer_config(settings, vocabulary(), 9);
  EXPECT_EQ(config["split_special_tokens"], false);
  EXPECT_EQ(parse_tokenizer_config(config, "here").special_tokens_in_text, true);
}

TEST(TokenizerJson, PutsSpecialTokensAround) {
  const Json json = tokenizer_json({}, vocabulary());
  const Json& pair = json["post_processor"]["pair"];
  ASSERT_EQ(pair.size(), 5u);
  EXPECT_EQ(pair[4]["SpecialToken"]["id"], "[SEP]");
  EXPECT_EQ(pair[4]["SpecialToken"]["type_id"], 1);
  EXPECT_EQ(json["post_processor"]["special_tokens"]["[SEP]"]["ids"], Json::array({3}));
}

}  // namespace
}  // namespace pals

#include "bert/config.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>

#include "base/error.h"
#include "base/file.h"

namespace pals {
namespace {

Json tiny() {
  return Json{{"vocab_size", 100},
              {"hidden_size", 24},
              {"num_hidden_layers", 2},
              {"num_attention_heads", 4},
              {"intermediate_size", 32}};
}

BertConfig parse(const Json& json) {
  return parse_bert_config(json, "config.json", {"pals", "top", "mult", "hidden_size_aug"});
}

std::string error_of(const Json& json) {
  try {
    parse(json);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

void expect_error(const Json& json, const std::vector<std::string>& parts) {
  const std::string message = error_of(json);
  EXPECT_EQ(message.rfind("config.json: ", 0), 0U) << message;
  for (const std::string& part : parts) {
    EXPECT_NE(message.find(part), std::string::npos) << part << " in: " << message;
  }
}

TEST(BertConfig, ReadsSizesAndDefaults) {
  const BertConfig config = parse(tiny());
  EXPECT_EQ(config.vocab_size, 100);
  EXPECT_EQ(config.hidden_size, 24);
  EXPECT_EQ(config.num_hidden_layers, 2);
  EXPECT_EQ(config.num_attention_heads, 4);
  EXPECT_EQ(config.intermediate_size, 32);
  EXPECT_EQ(config.head_size(), 6);
  EXPECT_EQ(config.max_position_embeddings, 512);
  EXPECT_EQ(config.type_vocab_size, 2);
  EXPECT_EQ(config.hidden_act, Activation::kGelu);
  EXPECT_EQ(config.hidden_dropout_prob, 0.1);
  EXPECT_EQ(config.layer_norm_eps, 1e-12);
}

TEST(BertConfig, ReadsEveryKey) {
  Json json = tiny();
  json["hidden_act"] = "silu";
  json["hidden_dropout_prob"] = 0.25;
  json["attention_probs_dropout_prob"] = 0;
  json["max_position_embeddings"] = 64;
  json["type_vocab_size"] = 3;
  json["initializer_range"] = 0.05;
  json["layer_norm_eps"] = 1e-5;
  json["position_embedding_type"] = "absolute";
  json["pals"] = Json::object();
  const BertConfig config = parse(json);
  EXPECT_EQ(config.hidden_act, Activation::kSilu);
  EXPECT_EQ(config.hidden_dropout_prob, 0.25);
  EXPECT_EQ(config.attention_probs_dropout_prob, 0.0);
  EXPECT_EQ(config.max_position_embeddings, 64);
  EXPECT_EQ(config.type_vocab_size, 3);
  EXPECT_EQ(config.initializer_range, 0.05);
  EXPECT_EQ(config.layer_norm_eps, 1e-5);
}

TEST(BertConfig, UnknownKeysAreNamedWithTheNearest) {
  Json json = tiny();
  json["hiden_act"] = "gelu";
  expect_error(json, {"hiden_act", "did you mean \"hidden_act\""});
}

TEST(BertConfig, KeysOfOtherToolsArePassedOver) {
  Json json = tiny();
  for (const char* key : {"cell", "structure", "pre_trained", "training", "do_sample", "max_length",
                          "num_beams", "temperature", "top_k", "top_p", "repetition_penalty",
                          "length_penalty", "num_return_sequences", "eos_token_ids",
                          "sentence_transformers", "zzzzzzzzz", "decoder_stuff\x1b"}) {
    json[key] = 1;
  }
  json["emb_size"] = 24;
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(error_of(json), "");
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(said.find("config.json: not used: \"cell\", "), 0u) << said;
  EXPECT_NE(said.find(" and 11 more\n"), std::string::npos) << said;
  EXPECT_LE(said.size(), 300u);
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1);
}

TEST(BertConfig, OtherNetworksAreRefused) {
  const std::vector<std::pair<const char*, Json>> others = {
      {"model_type", "roberta"},      {"is_decoder", true},
      {"is_encoder_decoder", true},   {"add_cross_attention", true},
      {"pruned_heads", {{"0", {1}}}}, {"quantization_config", {{"bits", 8}}},
      {"embedding_size", 12},         {"emb_size", 12},
      {"num_key_value_heads", 2},     {"rope_theta", 10000.0},
      {"relative_attention", true},
  };
  for (const auto& [key, value] : others) {
    Json json = tiny();
    json[key] = value;
    expect_error(json, {key, "expected"});
  }
}

TEST(BertConfig, MetadataOfOtherToolsIsIgnored) {
  Json json = tiny();
  for (const char* key :
       {"architectures", "model_type", "directionality", "transformers_version", "torch_dtype",
        "pooler_fc_size", "pooler_type", "pad_token_id", "use_cache", "classifier_dropout",
        "gradient_checkpointing", "id2label", "finetuning_task", "tokenizer_class", "pruned_heads",
        "num_labels", "is_encoder_decoder"}) {
    json[key] = nullptr;
  }
  EXPECT_EQ(error_of(json), "");
}

TEST(BertConfig, MissingSizesAreErrors) {
  for (const char* key : {"vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
                          "intermediate_size"}) {
    Json json = tiny();
    json.erase(key);
    expect_error(json, {key, "missing"});
  }
}

TEST(BertConfig, BadValuesAreErrors) {
  const std::vector<std::pair<const char*, Json>> bad = {
      {"vocab_size", 0},
      {"vocab_size", 1e30},
      {"vocab_size", uint64_t{1} << 63},
      {"hidden_size", "24"},
      {"hidden_size", 24.0},
      {"num_hidden_layers", -1},
      {"num_hidden_layers", 100000},
      {"num_attention_heads", nullptr},
      {"intermediate_size", Json::array({32})},
      {"hidden_act", "tanh"},
      {"hidden_act", 3},
      {"hidden_dropout_prob", 1.0},
      {"hidden_dropout_prob", -0.1},
      {"attention_probs_dropout_prob", "0.1"},
      {"initializer_range", -1},
      {"layer_norm_eps", 1.0},
      {"position_embedding_type", "relative_key"},
      {"position_embedding_type", 1},
  };
  for (const auto& [key, value] : bad) {
    Json json = tiny();
    json[key] = value;
    expect_error(json, {key, value.dump(), "expected"});
  }
  expect_error(Json::array(), {"object"});
}

TEST(BertConfig, HeadsMustDivideHiddenSize) {
  Json json = tiny();
  json["num_attention_heads"] = 5;
  expect_error(json, {"24", "5"});
}

TEST(BertConfig, ActivationNamesGoBothWays) {
  for (const char* name : {"gelu", "gelu_new", "relu", "silu"}) {
    Json json = tiny();
    json["hidden_act"] = name;
    EXPECT_STREQ(activation_name(parse(json).hidden_act), name);
  }
  Json json = tiny();
  json["hidden_act"] = "gelu_pytorch_tanh";
  EXPECT_EQ(parse(json).hidden_act, Activation::kGeluNew);
  json["hidden_act"] = "swish";
  EXPECT_EQ(parse(json).hidden_act, Activation::kSilu);
}

TEST(BertConfig, RoundTripsThroughJson) {
  Json json = tiny();
  json["hidden_act"] = "relu";
  json["layer_norm_eps"] = 1e-7;
  json["hidden_dropout_prob"] = 0.3;
  const Json written = bert_config_to_json(parse(json));
  EXPECT_EQ(bert_config_to_json(parse(written)), written);
  EXPECT_EQ(written["layer_norm_eps"], 1e-7);
  EXPECT_EQ(written["hidden_act"], "relu");
  EXPECT_EQ(written["model_type"], "bert");
}

// A file as transformers wrote it, where the demo's set-up has fetched one.
TEST(BertConfig, ReadsMiniLm) {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  const std::string root = cache != nullptr  ? cache
                           : home != nullptr ? std::string(home) + "/.cache"
                                             : "";
  const std::string path = root + "/pals/models/all-MiniLM-L6-v2/config.json";
  if (!file_exists(path)) GTEST_SKIP() << path << " is not there";
  const BertConfig config = parse_bert_config(read_json(path), path, {});
  EXPECT_EQ(config.hidden_size, 384);
  EXPECT_EQ(config.num_hidden_layers, 6);
  EXPECT_EQ(config.head_size(), 32);
}

}  // namespace
}  // namespace pals

#include "adapters/registry.h"

#include <gtest/gtest.h>

#include <set>

#include "adapters/reference_keys.h"
#include "base/error.h"
#include "base/file.h"

namespace pals {
namespace {

BertConfig base() { return BertConfig(); }

BertConfig mini() {
  BertConfig config;
  config.hidden_size = 384;
  config.num_hidden_layers = 6;
  return config;
}

AdapterConfig resolved(const std::string& kind, int64_t size = 0, std::vector<int> layers = {},
                       const BertConfig& bert = base()) {
  AdapterConfig config;
  config.kind = kind;
  config.size = size;
  config.layers = std::move(layers);
  return resolve_adapter(config, bert, "--adapter");
}

template <typename Action>
std::string error_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

void expect_parts(const std::string& message, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) {
    EXPECT_NE(message.find(part), std::string::npos) << part << " in: " << message;
  }
}

TEST(AdapterNames, CoverEveryKindWithAndWithoutLhuc) {
  std::set<std::string> expected = {"none", "lhuc"};
  for (const AdapterKind& kind : adapter_kinds()) {
    if (kind.build == nullptr) continue;
    expected.insert(kind.name);
    expected.insert(std::string(kind.name) + "_lhuc");
  }
  EXPECT_GT(expected.size(), 14U);
  const std::vector<std::string> names = adapter_names();
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()), expected);
  EXPECT_EQ(names.size(), expected.size());
}

TEST(ResolveAdapter, DefaultSizesAreThePapers) {
  EXPECT_EQ(resolved("none").size, 0);
  EXPECT_EQ(resolved("lhuc").size, 0);
  EXPECT_EQ(resolved("pals").size, 204);
  EXPECT_EQ(resolved("pals_lhuc").size, 204);
  EXPECT_EQ(resolved("low_rank").size, 100);
  EXPECT_EQ(resolved("houlsby").size, 50);
  EXPECT_EQ(resolved("houlsby_pals").size, 156);
  EXPECT_EQ(resolved("houlsby_pals").bottleneck_size, 50);
  EXPECT_EQ(resolved("top_attention").size, 204);
  EXPECT_EQ(resolved("top_bert_layer").size, 0);
}

TEST(ResolveAdapter, DefaultSizesScaleAndStillDivide) {
  for (const std::string& name : adapter_names()) {
    for (const int64_t hidden_size : {12, 36, 128, 384, 500, 1024}) {
      BertConfig bert = base();
      bert.hidden_size = hidden_size;
      EXPECT_NO_THROW(resolved(name, 0, {}, bert)) << name << " at " << hidden_size;
    }
  }
  EXPECT_EQ(resolved("pals", 0, {}, mini()).size, 102);
}

TEST(ResolveAdapter, SizesThatDoNotDivideNameTheNearest) {
  expect_parts(error_of([] { resolved("pals", 200); }), {"--adapter", "200", "6", "198 and 204"});
  expect_parts(error_of([] { resolved("houlsby_pals", 3); }), {"3", "nearest sizes: 6"});
  expect_parts(error_of([] { resolved("top_attention", 102); }), {"102", "12", "96 and 108"});
  EXPECT_EQ(resolved("low_rank", 7).size, 7);
  EXPECT_THROW(resolved("low_rank", -1), UsageError);
  EXPECT_THROW(resolved("low_rank", int64_t{1} << 40), UsageError);
}

TEST(ResolveAdapter, UnknownKindsNameTheNearestAndAll) {
  expect_parts(error_of([] { resolved("palls"); }), {"palls", "\"pals\"", "top_bert_layer"});
  expect_parts(error_of([] { resolved("xyzzy_lhuc"); }), {"xyzzy", "houlsby_pals_lhuc"});
  EXPECT_THROW(resolved(""), UsageError);
  EXPECT_THROW(resolved("_lhuc"), UsageError);
  EXPECT_THROW(resolved("lhuc_lhuc"), UsageError);
}

TEST(ResolveAdapter, LayersAreSortedCheckedAndAllByDefault) {
  EXPECT_EQ(resolved("pals", 0, {}, mini()).layers, (std::vector<int>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(resolved("pals", 0, {5, 3, 5}, mini()).layers, (std::vector<int>{3, 5}));
  expect_parts(error_of([] { resolved("pals", 0, {6}, mini()); }), {"6", "0 to 5"});
  EXPECT_THROW(resolved("pals", 0, {-1}, mini()), UsageError);
  EXPECT_THROW(resolved("top_attention", 0, {1}, mini()), UsageError);
  EXPECT_EQ(resolved("top_attention_lhuc", 0, {1}, mini()).layers, std::vector<int>{1});
}

TEST(ResolveAdapter, BottlenecksStandWhereTheyAreTold) {
  const AdapterConfig usual = resolved("bottleneck");
  EXPECT_EQ(usual.size, 48);
  EXPECT_EQ(usual.activation, "relu");
  EXPECT_EQ(usual.after, std::vector<std::string>{"output"});
  EXPECT_EQ(usual.reads, "normalised");
  const auto read = [](const char* text) {
    return resolve_adapter(adapter_from_json(parse_json(text, "x"), "x"), base(), "x");
  };
  const AdapterConfig both = read(
      R"({"kind": "bottleneck", "after": ["output", "attention", "output"], "reads": "dense", "activation": "swish"})");
  EXPECT_EQ(both.after, (std::vector<std::string>{"attention", "output"}));
  EXPECT_EQ(both.reads, "dense");
  EXPECT_EQ(both.activation, "silu");
  EXPECT_EQ(read(json_text(adapter_to_json(both)).c_str()), both);
  const auto error = [&](const char* text) { return error_of([&] { read(text); }); };
  expect_parts(error(R"({"kind": "bottleneck", "after": ["key"]})"), {"after", "key", "attention"});
  expect_parts(error(R"({"kind": "bottleneck", "reads": "both"})"), {"reads", "both", "dense"});
  expect_parts(error(R"({"kind": "bottleneck", "reads": 1})"), {"reads", "a name"});
  expect_parts(error(R"({"kind": "bottleneck", "activation": "mish"})"), {"mish", "relu"});
  expect_parts(error(R"({"kind": "lora", "after": ["output"]})"), {"after", "lora"});
}

// A model folder holds the resolved choice, and reading it resolves it again.
TEST(ResolveAdapter, ResolvingAgainChangesNothing) {
  for (const std::string& name : adapter_names()) {
    const AdapterConfig once = resolved(name, 0, {}, mini());
    EXPECT_EQ(adapter_to_json(resolve_adapter(once, mini(), "again")), adapter_to_json(once));
  }
}

TEST(ParseLayers, TakesNumbersAndRanges) {
  EXPECT_EQ(parse_layers("6-8", "x"), (std::vector<int>{6, 7, 8}));
  EXPECT_EQ(parse_layers("0,2-3,5", "x"), (std::vector<int>{0, 2, 3, 5}));
  EXPECT_EQ(parse_layers("4-4", "x"), std::vector<int>{4});
  for (const char* bad :
       {"", ",", "1,", "a", "1-", "-1", "1-2-3", " 1", "1.5", "99999999999", "5-2", "0-1024"}) {
    EXPECT_THROW(parse_layers(bad, "--adapter_layers"), UsageError) << bad;
  }
  expect_parts(error_of([] { parse_layers("5-2", "--adapter_layers"); }),
               {"--adapter_layers", "5-2", "2-5"});
}

TEST(ReferenceKeys, ChooseTheKind) {
  const auto kind = [](const Json& json) {
    return adapter_from_reference_keys(json, "config.json").kind;
  };
  EXPECT_EQ(kind(Json::object()), "none");
  EXPECT_EQ(kind({{"mult", true}, {"pals", true}}), "pals");
  EXPECT_EQ(kind({{"mult", true}}), "low_rank");
  EXPECT_EQ(kind({{"mult", true}, {"pals", false}}), "low_rank");
  EXPECT_EQ(kind({{"houlsby", true}}), "houlsby");
  EXPECT_EQ(kind({{"houlsby", true}, {"pals", true}}), "houlsby_pals");
  EXPECT_EQ(kind({{"top", true}}), "top_attention");
  EXPECT_EQ(kind({{"top", true}, {"bert_lay_top", true}}), "top_bert_layer");
  EXPECT_EQ(kind({{"lhuc", true}}), "lhuc");
  EXPECT_EQ(kind({{"lhuc", true}, {"mult", true}, {"pals", true}}), "pals_lhuc");
}

TEST(ReferenceKeys, ChooseTheSizes) {
  const auto read = [](const Json& json) {
    return resolve_adapter(adapter_from_reference_keys(json, "config.json"), base(), "config.json");
  };
  EXPECT_EQ(read({{"mult", true}, {"pals", true}}).size, 204);
  EXPECT_EQ(read({{"mult", true}, {"pals", true}, {"hidden_size_aug", 60}}).size, 60);
  EXPECT_EQ(read({{"mult", true}, {"hidden_size_aug", 100}}).size, 100);
  EXPECT_EQ(read({{"mult", true}, {"hidden_size_aug", 100}, {"extra_dim", 30}}).size, 30);
  EXPECT_EQ(read({{"mult", true}, {"hidden_size_aug", 100}, {"extra_dim", nullptr}}).size, 100);
  EXPECT_EQ(read({{"houlsby", true}, {"hidden_size_aug", 50}}).size, 50);
  EXPECT_EQ(read({{"top", true}, {"bert_lay_top", true}, {"hidden_size_aug", 50}}).size, 0);
  const AdapterConfig both =
      read({{"houlsby", true}, {"pals", true}, {"hidden_size_aug", 156}, {"extra_dim", 50}});
  EXPECT_EQ(both.size, 156);
  EXPECT_EQ(both.bottleneck_size, 50);
}

TEST(ReferenceKeys, ContradictionsAndBadValuesAreErrors) {
  const auto error = [](const Json& json) {
    return error_of([&] { adapter_from_reference_keys(json, "config.json"); });
  };
  expect_parts(error({{"mult", true}, {"houlsby", true}}), {"config.json", "only one"});
  expect_parts(error({{"pals", true}}), {"\"pals\" needs"});
  expect_parts(error({{"bert_lay_top", true}}), {"\"bert_lay_top\" needs"});
  expect_parts(error({{"mult", 1}}), {"\"mult\" is 1", "true or false"});
  expect_parts(error({{"mult", true}, {"hidden_size_aug", "60"}}), {"hidden_size_aug", "whole"});
}

// The seven configurations of the README, at BERT-base's size.
TEST(ReferenceKeys, ConfigurationFilesGiveTheirAdapter) {
  struct Row {
    const char* file;
    const char* kind;
    int64_t size, bottleneck_size;
  };
  const std::vector<Row> rows = {
      {"bert_config.json", "none", 0, 0},
      {"pals_config.json", "pals", 204, 0},
      {"low_rank_config.json", "low_rank", 100, 0},
      {"top_attn_config.json", "top_attention", 204, 0},
      {"top_bert_layer_config.json", "top_bert_layer", 0, 0},
      {"houlsby_config.json", "houlsby", 50, 0},
      {"houlsby_plus_pals_config.json", "houlsby_pals", 156, 50},
  };
  for (const Row& row : rows) {
    const std::string path = std::string(PALS_SOURCE_DIR) + "/configs/" + row.file;
    const Json json = read_json(path);
    const BertConfig bert = parse_bert_config(json, path, reference_adapter_keys());
    EXPECT_EQ(bert.hidden_size, 768) << path;
    EXPECT_EQ(bert.num_hidden_layers, 12) << path;
    const AdapterConfig adapter =
        resolve_adapter(adapter_from_reference_keys(json, path), bert, path);
    EXPECT_EQ(adapter.kind, row.kind) << path;
    EXPECT_EQ(adapter.size, row.size) << path;
    EXPECT_EQ(adapter.bottleneck_size, row.bottleneck_size) << path;
  }
}

TEST(ReferenceKeys, RoundTrip) {
  int known = 0;
  for (const std::string& name : adapter_names()) {
    const AdapterConfig config = resolved(name);
    Json keys;
    const std::string error =
        error_of([&] { keys = adapter_to_reference_keys(config, base(), 3); });
    if (!error.empty()) {
      expect_parts(error, {"the reference has no adapter of the kind"});
      continue;
    }
    ++known;
    EXPECT_EQ(keys["num_tasks"], 3);
    const AdapterConfig back =
        resolve_adapter(adapter_from_reference_keys(keys, "config.json"), base(), "config.json");
    EXPECT_EQ(adapter_to_json(back), adapter_to_json(config)) << name;
  }
  EXPECT_EQ(known, 14);  // its seven, each with LHUC, too
}

TEST(ReferenceKeys, WhatTheReferenceLacksIsAnError) {
  AdapterConfig some = resolved("pals");
  some.layers = {6, 7};
  expect_parts(error_of([&] { adapter_to_reference_keys(some, base(), 1); }), {"every layer", "2"});
  AdapterConfig pooler = resolved("none");
  pooler.task_pooler = true;
  expect_parts(error_of([] { adapter_to_reference_keys(resolved("lora_lhuc"), base(), 1); }),
               {"no adapter", "lora"});
  expect_parts(error_of([&] { adapter_to_reference_keys(pooler, base(), 1); }), {"pooler"});
}

TEST(Lora, SettingsAreFilledInAndChecked) {
  const AdapterConfig lora = resolved("lora");
  EXPECT_EQ(lora.size, 8);
  EXPECT_EQ(lora.alpha, 16.0);
  EXPECT_EQ(lora.targets, (std::vector<std::string>{"query", "value"}));
  EXPECT_EQ(resolved("lora", 4).alpha, 8.0);
  const auto with = [](double alpha, std::vector<std::string> targets) {
    return resolve_adapter({.kind = "lora", .alpha = alpha, .targets = std::move(targets)}, base(),
                           "--adapter");
  };
  EXPECT_EQ(with(3.5, {}).alpha, 3.5);
  EXPECT_EQ(with(0, {"output", "key", "key"}).targets, (std::vector<std::string>{"key", "output"}));
  EXPECT_EQ(with(0, {"all"}).targets.size(), 6U);
  expect_parts(error_of([&] { with(0, {"query", "valu"}); }), {"valu", "\"value\"", "all"});
  expect_parts(error_of([&] { with(0, {"all", "query"}); }), {"\"all\"", "intermediate"});
  EXPECT_THROW(with(-1.0, {}), UsageError);
  EXPECT_THROW(resolved("lora", 769), UsageError);
  EXPECT_EQ(resolved("pals").targets, std::vector<std::string>());
}

TEST(AdapterJson, RoundTrips) {
  for (const std::string& name : adapter_names()) {
    AdapterConfig config = resolved(name);
    config.task_pooler = true;
    EXPECT_EQ(adapter_from_json(adapter_to_json(config), "file"), config) << name;
    EXPECT_EQ(adapter_from_flat_json(adapter_to_flat_json(config), "file"), config) << name;
  }
}

TEST(AdapterJson, TakesWhatUsersWrite) {
  const auto read = [](const char* text) {
    return resolve_adapter(adapter_from_json(parse_json(text, "x"), "x"), base(), "x");
  };
  EXPECT_EQ(read(R"({"kind": "lora", "rank": 4, "targets": "key, output", "layers": "6-7"})"),
            (AdapterConfig{.kind = "lora",
                           .size = 4,
                           .alpha = 8.0,
                           .targets = {"key", "output"},
                           .layers = {6, 7}}));
  EXPECT_EQ(read(R"({"kind": "pals", "size": 12, "layers": [1]})"), resolved("pals", 12, {1}));
}

TEST(AdapterJson, BadObjectsAreErrors) {
  const auto error = [](const Json& json) {
    return error_of([&] { adapter_from_json(json, "tasks.json"); });
  };
  expect_parts(error("pals"), {"tasks.json", "\"kind\""});
  expect_parts(error({{"rank", 4}}), {"tasks.json: \"adapter\" has no \"kind\"; give one"});
  expect_parts(error({{"kind", 4}}), {"the \"kind\" of \"adapter\" is number"});
  expect_parts(error({{"kind", "lor"}}), {"\"lor\"", "did you mean \"lora\"? Known: none"});
  expect_parts(error({{"kind", "mixture"}}), {"unknown adapter \"mixture\". Known: none"});
  expect_parts(error({{"kind", "pals"}, {"rank", 8}}), {"\"rank\"", "pals", "size"});
  expect_parts(error({{"kind", "lora"}, {"rnak", 8}}), {"\"rnak\"", "did you mean \"rank\""});
  for (const Json& bad : {Json(0), Json(-1), Json(1.5), Json("8"), Json(1 << 16)}) {
    expect_parts(error({{"kind", "lora"}, {"rank", bad}}), {"\"rank\"", "whole number"});
  }
  expect_parts(error({{"kind", "lora"}, {"alpha", 0}}), {"\"alpha\"", "above 0"});
  expect_parts(error({{"kind", "lora"}, {"targets", {1}}}), {"\"targets\"", "list"});
  expect_parts(error({{"kind", "lora"}, {"layers", {-1}}}), {"\"layers\"", "list"});
  expect_parts(error({{"kind", "none"}, {"task_pooler", 1}}), {"\"task_pooler\"", "true"});
}

TEST(AdapterJson, BadFlatObjectsAreErrors) {
  const Json good = adapter_to_flat_json(resolved("pals"));
  const auto error = [](const Json& json) {
    return error_of([&] { adapter_from_flat_json(json, "config.json"); });
  };
  for (const auto& item : good.items()) {
    Json json = good;
    json[item.key()] = Json::object();
    expect_parts(error(json), {"config.json"});
    const bool is_later = item.key() == "alpha" || item.key() == "targets" ||
                          item.key() == "activation" || item.key() == "after" ||
                          item.key() == "reads";
    if (is_later) continue;
    json.erase(item.key());
    expect_parts(error(json), {"config.json"});
  }
  expect_parts(error(Json::array()), {"config.json"});
}

}  // namespace
}  // namespace pals

// Adapters of other packages: what is read of them, in our words, and what is refused by name.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <functional>

#include "base/error.h"
#include "base/file.h"
#include "foreign/foreign_folder.h"
#include "foreign/hub.h"
#include "foreign/hub_head.h"
#include "foreign/peft.h"

namespace pals {
namespace {

constexpr int64_t kHidden = 4, kInner = 6, kRank = 2;

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

void expect_parts(const std::string& message, const std::vector<std::string>& parts) {
  EXPECT_LE(message.size(), 300U) << message;
  for (const std::string& part : parts) {
    EXPECT_NE(message.find(part), std::string::npos) << part << " in: " << message;
  }
}

// A file that is being made up; all values of a tensor are its number.
struct Made {
  TensorFile file;

  Made& add(const std::string& name, std::vector<int64_t> shape) {
    const TensorEntry size = make_tensor_entry(name, DType::kF32, shape, nullptr);
    const auto count = static_cast<size_t>(size.numel());
    const std::span<std::byte> memory = file.allocate(count * sizeof(float));
    auto* values = reinterpret_cast<float*>(memory.data());
    std::fill_n(values, count, static_cast<float>(file.tensors().size() + 1));
    file.add(make_tensor_entry(name, DType::kF32, std::move(shape), memory.data()), "made");
    return *this;
  }
  Made& peft_term(int layer, const std::string& dense, int64_t in = kHidden, int64_t out = kHidden,
                  int64_t rank = kRank) {
    const std::string name = concat("base_model.model.bert.encoder.layer.", layer, ".", dense);
    add(name + ".lora_A.weight", {rank, in});
    return add(name + ".lora_B.weight", {out, rank});
  }
  Made& bottleneck(int layer, const std::string& place, int64_t size = 3) {
    const std::string name =
        concat("bert.encoder.layer.", layer, ".", place, ".adapters.mood.adapter_");
    add(name + "down.0.weight", {size, kHidden}).add(name + "down.0.bias", {size});
    return add(name + "up.weight", {kHidden, size}).add(name + "up.bias", {kHidden});
  }
};

Json peft_config() {
  return {{"peft_type", "LORA"},
          {"task_type", "SEQ_CLS"},
          {"r", kRank},
          {"lora_alpha", 16},
          {"bias", "none"},
          {"lora_dropout", 0.1},
          {"use_dora", false},
          {"use_rslora", false},
          {"target_modules", {"query"}},
          {"init_lora_weights", true},
          {"alpha_pattern", Json::object()},
          {"base_model_name_or_path", "some/bert"},
          {"modules_to_save", {"classifier"}}};
}

Made peft_weights() {
  Made made;
  made.peft_term(0, "attention.self.query").peft_term(1, "attention.self.query");
  made.peft_term(0, "output.dense", kInner).peft_term(1, "output.dense", kInner);
  made.add("base_model.model.classifier.weight", {3, kHidden});
  made.add("base_model.model.classifier.bias", {3});
  return made;
}

std::vector<std::string> names_of(const ForeignAdapter& adapter) {
  std::vector<std::string> names;
  for (const TensorEntry& tensor : adapter.tensors) names.push_back(tensor.name);
  return names;
}

TEST(Peft, IsReadInOurWords) {
  const Made made = peft_weights();
  const ForeignAdapter adapter = parse_peft_adapter(peft_config(), made.file, "x");
  EXPECT_EQ(adapter.kind, "lora");
  EXPECT_EQ(adapter.size, kRank);
  EXPECT_EQ(adapter.alpha, 16.0);
  EXPECT_EQ(adapter.targets, (std::vector<std::string>{"query", "output"}));
  EXPECT_EQ(adapter.layers, (std::vector<int>{0, 1}));
  EXPECT_EQ(adapter.base, "some/bert");
  EXPECT_EQ(adapter.task_kind, TaskKind::kClassification);
  EXPECT_EQ(adapter.num_outputs, 3);
  EXPECT_EQ(adapter.hidden_size, kHidden);
  EXPECT_FALSE(adapter.task_pooler);
  EXPECT_EQ(adapter.notes.size(), 1U);  // of dropout
  const std::vector<std::string> names = names_of(adapter);
  EXPECT_EQ(names.size(), 10U);
  EXPECT_EQ(names.front(), "layer.0.attention.self.query.lora_A.weight");
  EXPECT_EQ(names.back(), "classifier.bias");
}

TEST(Peft, NamesOfOtherVersionsAndModulesAreKnown) {
  Made made;
  made.add("base_model.model.bert.encoder.layer.2.attention.self.key.lora_A.default.weight",
           {kRank, kHidden});
  made.add("base_model.model.bert.encoder.layer.2.attention.self.key.lora_B.default.weight",
           {kHidden, kRank});
  made.add("base_model.model.classifier.modules_to_save.default.weight", {1, kHidden});
  made.add("base_model.model.classifier.modules_to_save.bias", {1});
  made.add("base_model.model.classifier.original_module.weight", {1, kHidden});
  made.add("base_model.model.bert.pooler.dense.weight", {kHidden, kHidden});
  made.add("base_model.model.bert.pooler.dense.bias", {kHidden});
  const ForeignAdapter adapter = parse_peft_adapter(peft_config(), made.file, "x");
  EXPECT_EQ(adapter.layers, std::vector<int>{2});
  EXPECT_EQ(adapter.task_kind, TaskKind::kRegression);
  EXPECT_TRUE(adapter.task_pooler);
  EXPECT_EQ(names_of(adapter).size(), 6U);
}

TEST(Peft, WhatIsLackingIsRefusedByName) {
  const auto refused = [](const char* key, const Json& value) {
    Json config = peft_config();
    config[key] = value;
    const Made made = peft_weights();
    return error_of([&] { parse_peft_adapter(config, made.file, "folder/adapter_config.json"); });
  };
  expect_parts(refused("use_dora", true), {"folder/adapter_config.json", "use_dora", "DoRA"});
  expect_parts(refused("use_rslora", true), {"rsLoRA"});
  expect_parts(refused("bias", "lora_only"), {"lora_only", "biases"});
  expect_parts(refused("lora_bias", true), {"biases"});
  expect_parts(refused("peft_type", "IA3"), {"IA3", "LORA"});
  expect_parts(refused("init_lora_weights", "pissa"), {"pissa"});
  expect_parts(refused("rank_pattern", {{"query", 4}}), {"rank_pattern"});
  expect_parts(refused("layer_replication", {{0, 2}}), {"layer_replication"});
  expect_parts(refused("new_method", true), {"new_method"});
  expect_parts(refused("task_type", "CAUSAL_LM"), {"CAUSAL_LM", "SEQ_CLS"});
  expect_parts(refused("r", 3), {"rank 2", "says 3"});
  expect_parts(refused("r", "2"), {"\"r\"", "whole number"});
  expect_parts(refused("lora_alpha", Json::array()), {"lora_alpha", "number"});
  EXPECT_EQ(refused("megatron_core", "megatron.core"), "");
  EXPECT_EQ(refused("layer_replication", nullptr), "");
  EXPECT_EQ(refused("init_lora_weights", "gaussian"), "");
}

TEST(Peft, TensorsMustMakeWholeTerms) {
  const auto refused = [](const std::function<void(Made&)>& change) {
    Made made = peft_weights();
    change(made);
    return error_of([&] { parse_peft_adapter(peft_config(), made.file, "x"); });
  };
  EXPECT_EQ(refused([](Made&) {}), "");
  expect_parts(refused([](Made& made) { made.peft_term(1, "attention.self.value"); }),
               {"attention.self.value", "layer 1", "layer 0"});
  expect_parts(refused([](Made& made) { made.peft_term(2, "output.dense"); }), {"layer 2"});
  expect_parts(refused([](Made& made) {
                 made.add("base_model.model.bert.pooler.dense.lora_A.weight", {kRank, kHidden});
               }),
               {"pooler.dense.lora_A", "no place"});
  expect_parts(refused([](Made& made) {
                 made.add("base_model.model.bert.encoder.layer.0.output.LayerNorm.weight",
                          {kHidden});
               }),
               {"LayerNorm"});
  Made half;
  half.add("base_model.model.bert.encoder.layer.0.attention.self.key.lora_A.weight",
           {kRank, kHidden});
  expect_parts(error_of([&] { parse_peft_adapter(peft_config(), half.file, "x"); }), {"half"});
  Made headless;
  headless.peft_term(0, "attention.self.query");
  expect_parts(error_of([&] { parse_peft_adapter(peft_config(), headless.file, "x"); }),
               {"classifier", "modules_to_save"});
  Made flat;
  flat.add("base_model.model.bert.encoder.layer.0.attention.self.key.lora_A.weight", {kHidden});
  flat.add("base_model.model.bert.encoder.layer.0.attention.self.key.lora_B.weight", {kHidden});
  expect_parts(error_of([&] { parse_peft_adapter(peft_config(), flat.file, "x"); }), {"matrix"});
}

Json hub_json(const Json& config) {
  return {{"name", "mood"},         {"model_type", "bert"},        {"model_name", "some/bert"},
          {"hidden_size", kHidden}, {"version", "adapters.1.3.0"}, {"config", config}};
}

Json houlsby() {
  return {{"mh_adapter", true},          {"output_adapter", true},   {"non_linearity", "swish"},
          {"original_ln_before", false}, {"scaling", 1.0},           {"reduction_factor", 16},
          {"residual_before_ln", true},  {"original_ln_after", true}};
}

Made houlsby_weights() {
  Made made;
  for (const int layer : {0, 1})
    made.bottleneck(layer, "attention.output").bottleneck(layer, "output");
  return made;
}

TEST(Hub, BottlenecksAreReadInOurWords) {
  Made made = houlsby_weights();
  const ForeignAdapter adapter = parse_hub_adapter(hub_json(houlsby()), made.file, "x");
  EXPECT_EQ(adapter.kind, "bottleneck");
  EXPECT_EQ(adapter.size, 3);
  EXPECT_EQ(adapter.activation, "silu");
  EXPECT_EQ(adapter.reads, "dense");
  EXPECT_EQ(adapter.after, (std::vector<std::string>{"attention", "output"}));
  EXPECT_EQ(adapter.layers, (std::vector<int>{0, 1}));
  EXPECT_EQ(names_of(adapter).front(), "layer.0.bottleneck.attention.down.weight");
  EXPECT_EQ(adapter.tensors.size(), 16U);

  Json pfeiffer = houlsby();
  pfeiffer.update({{"mh_adapter", false},
                   {"original_ln_before", true},
                   {"non_linearity", "gelu"},
                   {"scaling", 2.0}});
  Made half;
  half.bottleneck(5, "output");
  Json json = hub_json(pfeiffer);
  json.erase("version");
  const ForeignAdapter old = parse_hub_adapter(json, half.file, "x");
  EXPECT_EQ(old.reads, "normalised");
  EXPECT_EQ(old.after, std::vector<std::string>{"output"});
  EXPECT_EQ(old.layers, std::vector<int>{5});
  EXPECT_EQ(old.activation, "gelu_new");  // what it was called then
  // The scaling is part of the second layer.
  const auto value = [&](size_t number) {
    float first = 0.0F;
    std::memcpy(&first, old.tensors[number].bytes.data(), sizeof first);
    return first;
  };
  EXPECT_EQ(value(0), 1.0F);
  EXPECT_EQ(value(2), 6.0F);
  EXPECT_EQ(value(3), 8.0F);
}

TEST(Hub, LoraIsReadInOurWords) {
  Made made;
  for (const char* dense : {"attention.self.query", "attention.self.value"}) {
    const std::string name = concat("encoder.layer.0.", dense, ".loras.mood.");
    made.add(name + "lora_A", {kRank, kHidden}).add(name + "lora_B", {kHidden, kRank});
  }
  const Json config = {
      {"architecture", "lora"}, {"r", kRank}, {"alpha", 6}, {"composition_mode", "add"}};
  const ForeignAdapter adapter = parse_hub_adapter(hub_json(config), made.file, "x");
  EXPECT_EQ(adapter.kind, "lora");
  EXPECT_EQ(adapter.alpha, 6.0);
  EXPECT_EQ(adapter.targets, (std::vector<std::string>{"query", "value"}));
  Json older = hub_json(config);
  older["version"] = "adapters.1.0.1";  // did not scale
  EXPECT_EQ(parse_hub_adapter(older, made.file, "x").alpha, static_cast<double>(kRank));
  for (const auto& [key, value, word] :
       std::vector<std::tuple<const char*, Json, const char*>>{{"use_dora", true, "DoRA"},
                                                               {"composition_mode", "scale", "IA"},
                                                               {"use_gating", true, "gates"},
                                                               {"vera_d", 0.1, "VeRA"}}) {
    Json other = config;
    other[key] = value;
    expect_parts(error_of([&] { parse_hub_adapter(hub_json(other), made.file, "x"); }),
                 {key, word});
  }
}

TEST(Hub, WhatIsLackingIsRefusedByName) {
  const auto refused = [](const char* key, const Json& value) {
    Json config = houlsby();
    config[key] = value;
    Made made = houlsby_weights();
    return error_of([&] { parse_hub_adapter(hub_json(config), made.file, "x"); });
  };
  expect_parts(refused("architecture", "prefix_tuning"), {"prefix_tuning"});
  expect_parts(refused("architecture", "union"), {"union"});
  expect_parts(refused("is_parallel", true), {"parallel"});
  expect_parts(refused("ln_after", true), {"LayerNorms"});
  expect_parts(refused("inv_adapter", "nice"), {"nice", "invertible"});
  expect_parts(refused("phm_layer", true), {"Compacter"});
  expect_parts(refused("scaling", "learned"), {"learned"});
  expect_parts(refused("residual_before_ln", "post_add"), {"post_add"});
  expect_parts(refused("original_ln_after", false), {"original_ln_after"});
  expect_parts(refused("non_linearity", "leakyrelu"), {"leakyrelu", "relu"});
  expect_parts(refused("mh_adapter", false), {"leaves out"});
  EXPECT_EQ(refused("cross_adapter", true), "");  // of decoders
  Made sizes = houlsby_weights();
  sizes.bottleneck(2, "attention.output", 2).bottleneck(2, "output", 2);
  expect_parts(error_of([&] { parse_hub_adapter(hub_json(houlsby()), sizes.file, "x"); }),
               {"different sizes"});
  Made more = houlsby_weights();
  more.bottleneck(2, "output");
  expect_parts(error_of([&] { parse_hub_adapter(hub_json(houlsby()), more.file, "x"); }),
               {"layer.2.bottleneck.attention"});
  Made unknown = houlsby_weights();
  unknown.add("bert.invertible_adapters.mood.F.0.weight", {2, 2});
  expect_parts(error_of([&] { parse_hub_adapter(hub_json(houlsby()), unknown.file, "x"); }),
               {"invertible_adapters"});
  Json other = hub_json(houlsby());
  other["model_type"] = "roberta";
  Made made = houlsby_weights();
  expect_parts(error_of([&] { parse_hub_adapter(other, made.file, "x"); }), {"roberta"});
}

Json head(const char* type, int layers, bool pooler) {
  return {{"name", "mood"},
          {"model_class", "BertAdapterModel"},
          {"config",
           {{"head_type", type},
            {"layers", layers},
            {"use_pooler", pooler},
            {"activation_function", "tanh"},
            {"label2id", {{"good", 1}, {"bad", 0}}}}}};
}

Made head_weights(bool two) {
  Made made;
  if (two) made.add("heads.mood.1.weight", {kHidden, kHidden}).add("heads.mood.1.bias", {kHidden});
  const std::string last = two ? "heads.mood.4." : "heads.mood.1.";
  made.add(last + "weight", {2, kHidden}).add(last + "bias", {2});
  return made;
}

TEST(HubHead, OfOneLayerAndOfTwo) {
  ForeignAdapter one, two, tags;
  const Made small = head_weights(false), large = head_weights(true);
  add_hub_head(head("classification", 1, true), small.file, "x", one);
  EXPECT_FALSE(one.task_pooler);
  EXPECT_EQ(one.labels, (std::vector<std::string>{"bad", "good"}));
  EXPECT_EQ(names_of(one), (std::vector<std::string>{"classifier.weight", "classifier.bias"}));
  add_hub_head(head("multilabel_classification", 2, false), large.file, "x", two);
  EXPECT_EQ(two.task_kind, TaskKind::kMultiLabel);
  EXPECT_TRUE(two.task_pooler);
  EXPECT_EQ(names_of(two), (std::vector<std::string>{"pooler.dense.weight", "pooler.dense.bias",
                                                     "classifier.weight", "classifier.bias"}));
  add_hub_head(head("tagging", 1, false), small.file, "x", tags);
  EXPECT_EQ(tags.task_kind, TaskKind::kTagging);
  ForeignAdapter fixed;
  Made plain;
  plain.add("classifier.weight", {2, kHidden}).add("classifier.bias", {2});
  add_hub_head({{"model_class", "BertForTokenClassification"},
                {"config", nullptr},
                {"label2id", {{"LABEL_0", 0}, {"LABEL_1", 1}}}},
               plain.file, "x", fixed);
  EXPECT_EQ(fixed.task_kind, TaskKind::kTagging);
  EXPECT_TRUE(fixed.labels.empty());
}

TEST(HubHead, WhatIsLackingIsRefusedByName) {
  const auto refused = [](const Json& json, bool two) {
    ForeignAdapter adapter;
    const Made made = head_weights(two);
    return error_of([&] { add_hub_head(json, made.file, "x", adapter); });
  };
  expect_parts(refused(head("causal_lm", 1, true), false), {"causal_lm"});
  expect_parts(refused(head("classification", 1, false), false), {"1 layer", "does not have it"});
  expect_parts(refused(head("classification", 2, true), true), {"2 layers on the pooler"});
  expect_parts(refused(head("tagging", 2, false), true), {"2 layers"});
  expect_parts(refused(head("classification", 1, true), true), {"no place", "heads.mood.4"});
  expect_parts(refused(head("classification", 2, false), false), {"missing"});
  Json relu = head("classification", 2, false);
  relu["config"]["activation_function"] = "relu";
  expect_parts(refused(relu, true), {"relu"});
}

// Both ways: a folder that was written is read as what it was written from.
TEST(ForeignFolders, AreReadAsTheyWereWritten) {
  const std::string root = testing::TempDir() + concat("foreign_", ::getpid());
  const auto check = [&](const ForeignAdapter& adapter, Package package) {
    const std::string path = root + "/" + name_of(package);
    make_directories(root);
    write_foreign_files(path, adapter, package, 8);
    ASSERT_EQ(package_of(path), package);
    const ForeignFolder read = read_foreign_folder(path, package);
    const ForeignAdapter& again = read.adapter;
    EXPECT_EQ(again.base, adapter.base);
    EXPECT_EQ(again.kind, adapter.kind);
    EXPECT_EQ(again.size, adapter.size);
    EXPECT_EQ(again.alpha, adapter.alpha);
    EXPECT_EQ(again.targets, adapter.targets);
    EXPECT_EQ(again.layers, adapter.layers);
    EXPECT_EQ(again.activation, adapter.activation);
    EXPECT_EQ(again.reads, adapter.reads);
    EXPECT_EQ(again.after, adapter.after);
    EXPECT_EQ(again.task_kind, adapter.task_kind);
    EXPECT_EQ(again.num_outputs, adapter.num_outputs);
    EXPECT_EQ(again.task_pooler, adapter.task_pooler);
    ASSERT_EQ(again.tensors.size(), adapter.tensors.size());
    for (const TensorEntry& tensor : adapter.tensors) {
      const auto same = std::ranges::find(again.tensors, tensor.name, &TensorEntry::name);
      ASSERT_NE(same, again.tensors.end()) << tensor.name;
      EXPECT_TRUE(std::ranges::equal(same->bytes, tensor.bytes)) << tensor.name;
    }
    std::filesystem::remove_all(root);
  };
  const Made peft = peft_weights();
  check(parse_peft_adapter(peft_config(), peft.file, "x"), Package::kPeft);
  Made hub = houlsby_weights();
  const Made of_head = head_weights(true);
  ForeignAdapter adapter = parse_hub_adapter(hub_json(houlsby()), hub.file, "x");
  add_hub_head(head("classification", 2, false), of_head.file, "x", adapter);
  check(adapter, Package::kAdapters);
  EXPECT_EQ(package_of(root), std::nullopt);
}

}  // namespace
}  // namespace pals

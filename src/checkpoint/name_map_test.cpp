#include "checkpoint/name_map.h"

#include <gtest/gtest.h>

namespace pals {
namespace {

using Pair = std::pair<const char*, const char*>;

TEST(CanonicalName, MapsTheReferencesNames) {
  const std::vector<Pair> pairs = {
      {"bert.embeddings.word_embeddings.weight", "embeddings.word_embeddings.weight"},
      {"bert.embeddings.LayerNorm.gamma", "embeddings.LayerNorm.weight"},
      {"bert.encoder.layer.11.attention.self.query.bias",
       "encoder.layer.11.attention.self.query.bias"},
      {"bert.encoder.layer.0.output.LayerNorm.beta", "encoder.layer.0.output.LayerNorm.bias"},
      {"bert.pooler.dense.weight", "pooler.dense.weight"},
      {"bert.encoder.mult_aug_dense.3.weight", "tasks.3.pal.down.weight"},
      {"bert.encoder.mult_aug_dense2.3.bias", "tasks.3.pal.up.bias"},
      {"bert.encoder.layer.5.multi_layers.7.attn.key.weight", "tasks.7.layer.5.pal.key.weight"},
      {"bert.encoder.layer.5.multi_lhuc.7.lhuc", "tasks.7.layer.5.lhuc.scale"},
      {"bert.encoder.layer.5.attention.output.multi_layers.7.aug_dense2.bias",
       "tasks.7.layer.5.houlsby.attention.up.bias"},
      {"bert.encoder.mult_dense.1.weight", "tasks.1.top.down.weight"},
      {"bert.encoder.multi_layers.1.4.self.value.weight", "tasks.1.top.layer.4.self.value.weight"},
      {"bert.encoder.multi_layers.1.4.output.LayerNorm.gamma",
       "tasks.1.top.layer.4.output.LayerNorm.weight"},
      {"bert.encoder.multi_layers.1.attention.self.value.weight",
       "tasks.1.top.bert_layer.attention.self.value.weight"},
      {"classifier.2.weight", "tasks.2.classifier.weight"},
      {"classifier.weight", "tasks.0.classifier.weight"},
  };
  for (const auto& [file_name, canonical] : pairs) {
    EXPECT_EQ(canonical_name(file_name), canonical);
  }
}

TEST(CanonicalName, MapsTransformersNamesWithAndWithoutPrefix) {
  for (const char* name : {"embeddings.position_embeddings.weight", "embeddings.LayerNorm.bias",
                           "encoder.layer.3.attention.output.dense.weight",
                           "encoder.layer.3.output.LayerNorm.weight", "pooler.dense.bias"}) {
    EXPECT_EQ(canonical_name(name), name);
    EXPECT_EQ(canonical_name(std::string("bert.") + name), name);
  }
}

TEST(CanonicalName, KeepsOurOwnNames) {
  for (const char* name : {"tasks.0.classifier.weight", "tasks.12.layer.3.pal.query.weight",
                           "tasks.1.pooler.dense.bias"}) {
    EXPECT_EQ(canonical_name(name), name);
  }
}

TEST(CanonicalName, LooksThroughWrappers) {
  for (const char* prefix :
       {"module.", "_orig_mod.", "model.", "module.module.", "_orig_mod.module.", "model.model.",
        "module._orig_mod.model.", "bert.", "_fsdp_wrapped_module."}) {
    EXPECT_EQ(canonical_name(std::string(prefix) + "bert.pooler.dense.bias"), "pooler.dense.bias")
        << prefix;
  }
  EXPECT_EQ(canonical_name("model.encoder.layer.0.output.dense.bias"),
            "encoder.layer.0.output.dense.bias");
  EXPECT_EQ(canonical_name("bert.encoder.layer.1._orig_mod.output.dense.bias"),
            "encoder.layer.1.output.dense.bias");
  EXPECT_EQ(canonical_name("module.classifier.weight"), "tasks.0.classifier.weight");
  EXPECT_EQ(without_wrappers("module.model.x.model.y"), "x.model.y");
  EXPECT_TRUE(is_left_out("module.bert.embeddings.position_ids"));
  EXPECT_FALSE(is_left_out("module.classifier.bias"));
}

TEST(CanonicalName, LeavesOutWhatHasNoPlace) {
  for (const char* name :
       {"", "bert", "bert.", "cls.predictions.bias", "bert.cls.seq_relationship.weight",
        "embeddings.position_ids", "bert.embeddings.position_ids",
        "module.bert.embeddings.token_type_ids", "module.cls.predictions.bias",
        "roberta.pooler.dense.weight", "bert.encoder.layer.",
        "bert.encoder.layer.x.output.dense.weight", "classifier.",
        "bert.encoder.layer.99999999.output.dense.weight", "bert.pooler.", "optimizer"}) {
    EXPECT_EQ(canonical_name(name), "") << name;
  }
}

TEST(TiedName, IsThatOfTheTasksMatrix) {
  EXPECT_EQ(tied_name("tasks.2.layer.4.low_rank.down.weight"), "tasks.2.pal.down.weight");
  EXPECT_EQ(tied_name("tasks.2.layer.4.low_rank.up.bias"), "tasks.2.pal.up.bias");
  EXPECT_EQ(tied_name("tasks.2.layer.4.houlsby.output.up.weight"), "tasks.2.pal.up.weight");
  for (const char* name :
       {"", "tasks.2.pal.down.weight", "tasks.2.layer.4.houlsby.attention.down.weight",
        "tasks.2.layer.4.pal.query.weight", "encoder.layer.0.output.dense.weight"}) {
    EXPECT_EQ(tied_name(name), "") << name;
  }
}

TEST(ReferenceNames, ListEveryAliasOfATiedMatrix) {
  EXPECT_EQ(reference_names("tasks.1.pal.down.weight", {0, 2}, false),
            (std::vector<std::string>{"bert.encoder.mult_aug_dense.1.weight",
                                      "bert.encoder.layer.0.multi_layers.1.aug_dense.weight",
                                      "bert.encoder.layer.2.multi_layers.1.aug_dense.weight"}));
  EXPECT_EQ(
      reference_names("tasks.1.pal.up.bias", {3}, true),
      (std::vector<std::string>{"bert.encoder.mult_aug_dense2.1.bias",
                                "bert.encoder.layer.3.output.multi_layers.1.aug_dense2.bias"}));
}

TEST(ReferenceNames, PlaceTheAttentionOfPalsByKind) {
  EXPECT_EQ(reference_names("tasks.1.layer.4.pal.query.weight", {}, false),
            std::vector<std::string>{"bert.encoder.layer.4.multi_layers.1.attn.query.weight"});
  EXPECT_EQ(
      reference_names("tasks.1.layer.4.pal.query.weight", {}, true),
      std::vector<std::string>{"bert.encoder.layer.4.output.multi_layers.1.attn.query.weight"});
}

TEST(ReferenceNames, CallLayerNormsGammaAndBeta) {
  EXPECT_EQ(reference_names("embeddings.LayerNorm.weight", {}, false),
            std::vector<std::string>{"bert.embeddings.LayerNorm.gamma"});
  EXPECT_EQ(reference_names("tasks.0.top.bert_layer.output.LayerNorm.bias", {}, false),
            std::vector<std::string>{"bert.encoder.multi_layers.0.output.LayerNorm.beta"});
}

TEST(ReferenceNames, AreNoneForWhatTheReferenceLacks) {
  EXPECT_TRUE(reference_names("tasks.0.pooler.dense.weight", {}, false).empty());
  EXPECT_TRUE(reference_names("nonsense", {}, false).empty());
}

}  // namespace
}  // namespace pals

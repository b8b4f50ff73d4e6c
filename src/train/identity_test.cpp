#include "train/identity.h"

#include <gtest/gtest.h>

#include <functional>

namespace pals {
namespace {

using Texts = std::vector<std::string>;

Json identity() {
  return {{"version", 1},
          {"tasks", {{"task rte", {{"labels", {"no", "yes"}}, {"train", {{"text_a", "one"}}}}}}},
          {"data", {{"content of rte's train file", "00ff"}}},
          {"bert", {{"hidden_act", "gelu"}, {"num_attention_heads", 4}}},
          {"vocabulary", "abcd"},
          {"lower_case", true},
          {"starting_weights", "ef01"},
          {"options", {{"learning_rate", 5e-5}, {"threads", 1}}}};
}

Texts after(const std::function<void(Json&)>& change) {
  Json changed = identity();
  change(changed);
  return identity_differences(identity(), changed);
}

TEST(Identity, NamesWhatDiffersOldAndNew) {
  EXPECT_EQ(after([](Json&) {}), Texts{});
  EXPECT_EQ(after([](Json& json) {
              json["tasks"]["task rte"]["labels"] = {"yes", "no"};
            }),
            Texts{"task rte, labels was \"no, yes\", now \"yes, no\""});
  EXPECT_EQ(after([](Json& json) { json["tasks"]["task rte"]["train"]["text_a"] = 2; }),
            Texts{"task rte, train, text_a was \"one\", now \"2\""});
  EXPECT_EQ(after([](Json& json) { json["tasks"]["task rte"]["label_scale"] = 5; }),
            Texts{"task rte, label_scale was nothing, now \"5\""});
  EXPECT_EQ(after([](Json& json) { json["data"]["content of rte's train file"] = "1"; }),
            Texts{"content of rte's train file was \"00ff\", now \"1\""});
  EXPECT_EQ(after([](Json& json) { json["bert"]["hidden_act"] = "relu"; }),
            Texts{"BERT configuration, hidden_act was \"gelu\", now \"relu\""});
  EXPECT_EQ(after([](Json& json) { json["vocabulary"] = "0"; }),
            Texts{"content of the vocabulary was \"abcd\", now \"0\""});
  EXPECT_EQ(after([](Json& json) { json["lower_case"] = false; }),
            Texts{"lower-casing was \"true\", now \"false\""});
  EXPECT_EQ(after([](Json& json) { json["tokenizer"]["strip_accents"] = false; }),
            Texts{"tokenizer settings, strip_accents was nothing, now \"false\""});
  EXPECT_EQ(after([](Json& json) { json["starting_weights"] = "0"; }),
            Texts{"content of the starting weights was \"ef01\", now \"0\""});
  EXPECT_EQ(after([](Json& json) { json["options"]["learning_rate"] = 0.5; }),
            Texts{"--learning_rate was \"5e-05\", now \"0.5\""});
}

TEST(Identity, WhatMayDifferIsNotCompared) {
  EXPECT_EQ(after([](Json& json) { json["options"]["threads"] = 8; }), Texts{});
}

}  // namespace
}  // namespace pals

// The parameters that each kind of adapter registers: how many, which, and in which layers.
#include <gtest/gtest.h>

#include <algorithm>

#include "adapters/registry.h"
#include "bert/encoder.h"

namespace pals {
namespace {

struct Built {
  ParameterTable table, folded;
  AdapterConfig config;
};

// BERT-base with the adapters of `num_tasks` tasks; a table only, no weights.
Built build(const std::string& kind, int num_tasks, std::vector<int> layers = {}) {
  const BertConfig bert;
  Built built;
  built.config.kind = kind;
  built.config.layers = std::move(layers);
  built.config = resolve_adapter(built.config, bert, "test");
  const BertEncoder encoder(built.table, bert);
  const Pooler pooler(built.table, "", bert.hidden_size, kSharedOwner);
  for (int task = 0; task < num_tasks; ++task) {
    build_adapter(built.table, built.folded, built.table, task, bert, built.config);
  }
  built.table.lay_out();
  return built;
}

int64_t total(const ParameterTable& table, int num_tasks) {
  int64_t sum = table.count(kSharedOwner);
  for (int task = 0; task < num_tasks; ++task) sum += table.count(task);
  return sum;
}

constexpr int64_t kH = 768, kF = 3072, kLayers = 12;

int64_t dense(int64_t in, int64_t out) { return in * out + out; }

int64_t bert_layer() { return 4 * dense(kH, kH) + dense(kH, kF) + dense(kF, kH) + 4 * kH; }

TEST(ParameterCount, SharedPartIsBertBase) {
  const Built built = build("none", 8);
  const int64_t embeddings = (30522 + 512 + 2) * kH + 2 * kH;
  EXPECT_EQ(built.table.count(kSharedOwner), embeddings + kLayers * bert_layer() + dense(kH, kH));
  EXPECT_EQ(built.table.count(kSharedOwner), 109'482'240);
  EXPECT_EQ(total(built.table, 8), 109'482'240);
}

// One task's parameters, from the formulas of the paper.
TEST(ParameterCount, OfOneTask) {
  const auto count = [](const char* kind) { return build(kind, 1).table.count(0); };
  const int64_t p = 204;
  EXPECT_EQ(count("pals"), dense(kH, p) + dense(p, kH) + kLayers * 3 * dense(p, p));
  EXPECT_EQ(count("low_rank"), kLayers * (dense(kH, 100) + dense(100, kH)));
  EXPECT_EQ(count("houlsby"), kLayers * 2 * (dense(kH, 50) + dense(50, kH)));
  EXPECT_EQ(count("houlsby_pals"),
            dense(kH, 156) + dense(156, kH) +
                kLayers * (3 * dense(156, 156) + dense(kH, 50) + dense(50, kH)));
  EXPECT_EQ(count("bottleneck"), kLayers * (dense(kH, 48) + dense(48, kH)));
  EXPECT_EQ(count("lora"), kLayers * 2 * (8 * kH + kH * 8));
  EXPECT_EQ(count("lhuc"), kLayers * kH);
  EXPECT_EQ(count("pals_lhuc"), count("pals") + kLayers * kH);
  EXPECT_EQ(count("top_attention"), dense(kH, p) + dense(p, kH) + 6 * (4 * dense(p, p) + 2 * p));
  EXPECT_EQ(count("top_bert_layer"), bert_layer());
}

TEST(ParameterCount, EightTasksAgainstOneBert) {
  const std::vector<std::pair<const char*, double>> published = {{"pals", 1.133},
                                                                 {"low_rank", 1.135},
                                                                 {"houlsby", 1.136},
                                                                 {"top_attention", 1.10},
                                                                 {"top_bert_layer", 1.52}};
  for (const auto& [kind, ratio] : published) {
    const double counted = static_cast<double>(total(build(kind, 8).table, 8)) / 109'482'240.0;
    EXPECT_NEAR(counted, ratio, ratio == 1.10 || ratio == 1.52 ? 5e-3 : 5e-4) << kind;
  }
}

// One D and one U for each task, however many layers use them.
TEST(ParameterCount, ProjectionsOfPalsAreSharedByTheLayers) {
  const Built built = build("pals", 2);
  for (const char* part : {"pal.down.weight", "pal.up.weight"}) {
    const auto& rows = built.table.rows();
    EXPECT_EQ(std::count_if(rows.begin(), rows.end(),
                            [&](const Parameter& row) { return row.name.ends_with(part); }),
              2)
        << part;
  }
}

TEST(ParameterCount, AttentionOfPalsHasItsOwnLearningRateGroup) {
  const Built built = build("houlsby_pals", 1);
  int64_t grouped = 0;
  for (const Parameter& row : built.table.rows()) {
    const bool attention = row.owner == 0 && (row.name.find(".pal.query.") != std::string::npos ||
                                              row.name.find(".pal.key.") != std::string::npos ||
                                              row.name.find(".pal.value.") != std::string::npos);
    EXPECT_EQ(row.group == LearningRateGroup::kAttentionAdapter, attention) << row.name;
    grouped += attention ? 1 : 0;
  }
  EXPECT_EQ(grouped, kLayers * 6);
}

TEST(ParameterCount, ChosenLayersCarryTheAdapter) {
  for (const std::string& kind : adapter_names()) {
    const auto [row, lhuc] = find_adapter_kind(kind, "test");
    if ((row->build == nullptr || !row->by_layer) && !lhuc) continue;
    const Built built = build(kind, 1, {6, 11});
    bool found = false;
    for (const Parameter& row : built.table.rows()) {
      if (row.owner != 0 || row.name.find("tasks.0.layer.") != 0) continue;
      found = true;
      EXPECT_TRUE(row.name.starts_with("tasks.0.layer.6.") ||
                  row.name.starts_with("tasks.0.layer.11."))
          << kind << ": " << row.name;
    }
    EXPECT_TRUE(found) << kind;
  }
}

TEST(ParameterCount, DecayAndStartFollowTheReference) {
  for (const std::string& kind : adapter_names()) {
    const Built built = build(kind, 1);
    for (const Parameter& row : built.table.rows()) {
      const bool bias = row.name.ends_with(".bias");
      const bool norm = row.name.find("LayerNorm") != std::string::npos;
      EXPECT_EQ(row.decay, !bias && !norm) << row.name;
      EXPECT_EQ(row.layer_norm, norm) << row.name;
      const bool zero =
          bias || row.name.ends_with("lhuc.scale") || row.name.ends_with("lora_B.weight");
      const bool lora_a = row.name.ends_with("lora_A.weight");
      const Init expected = zero     ? Init::kZero
                            : norm   ? Init::kOne
                            : lora_a ? Init::kFanIn
                                     : Init::kNormal;
      EXPECT_EQ(row.init, expected) << row.name;
    }
  }
}

}  // namespace
}  // namespace pals

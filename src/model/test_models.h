// Tiny models and batches for tests: every kind of adapter, every kind of task, dropout on.
#pragma once

#include <algorithm>
#include <cmath>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "kinds/kind.h"
#include "model/multi_task_model.h"

namespace pals::testing {

inline BertConfig tiny_bert() {
  BertConfig bert;
  bert.vocab_size = 40;
  bert.hidden_size = 24;
  bert.num_hidden_layers = 2;
  bert.num_attention_heads = 4;
  bert.intermediate_size = 40;
  bert.max_position_embeddings = 16;
  bert.hidden_dropout_prob = 0.2;
  bert.attention_probs_dropout_prob = 0.3;
  return bert;
}

/// LoRA in all dense layers; bottlenecks with a smooth activation.
inline AdapterConfig tiny_adapter(const std::string& kind, std::vector<int> layers = {},
                                  bool task_pooler = false) {
  AdapterConfig adapter;
  adapter.kind = kind;
  adapter.targets = {"all"};
  adapter.activation = "silu";
  adapter.size = 12;
  adapter.bottleneck_size = 5;
  adapter.layers = std::move(layers);
  adapter.task_pooler = task_pooler;
  return resolve_adapter(adapter, tiny_bert(), "test");
}

/// A task of each kind and one more: its number of outputs. A new kind's stands at the end.
struct TinyHead {
  TaskKind kind;
  int64_t num_outputs;
};
inline constexpr TinyHead kTinyHeads[] = {
    {TaskKind::kClassification, 2}, {TaskKind::kRegression, 1},     {TaskKind::kClassification, 3},
    {TaskKind::kSpan, 2},           {TaskKind::kMultipleChoice, 1}, {TaskKind::kMultiLabel, 3},
    {TaskKind::kTagging, 5}};
inline constexpr int kTinyTasks = static_cast<int>(std::size(kTinyHeads));
inline constexpr int kTinySpan = 3, kTinyChoice = 4, kTinyLabels = 5, kTinyTags = 6;
/// Whether an owner of parameters is a task whose head reads tokens.
inline bool tiny_reads_tokens(int owner) {
  return owner >= 0 && kind_of(kTinyHeads[owner].kind).head().reads_tokens;
}
inline std::vector<HeadSpec> tiny_heads() {
  std::vector<HeadSpec> heads;
  for (const TinyHead& head : kTinyHeads) heads.push_back({head.kind, head.num_outputs});
  return heads;
}

/// Those of all tasks; "mixed" and "mixed_again": several kinds in turn; bottlenecks at both places
/// in turn.
inline std::vector<AdapterConfig> tiny_adapters(const std::string& kind,
                                                const std::vector<int>& layers = {},
                                                bool task_pooler = false) {
  std::vector<std::string> kinds = {kind};
  if (kind == "mixed") {
    kinds = {"lora", "pals", "houlsby", "none", "top_attention", "low_rank", "pals"};
  }
  if (kind == "mixed_again") {
    kinds = {"houlsby_pals", "lora_lhuc", "low_rank", "lora", "houlsby", "none", "houlsby_pals"};
  }
  std::vector<AdapterConfig> adapters;
  for (size_t task = 0; task < kTinyTasks; ++task) {
    adapters.push_back(tiny_adapter(kinds[task % kinds.size()], layers, task_pooler));
  }
  for (size_t task = 1; task < adapters.size() && kind.starts_with("bottleneck"); task += 2) {
    adapters[task].after = {"attention", "output"};
    adapters[task].reads = "dense";
  }
  return adapters;
}

/// Weights of every parameter away from its start, so that zeros and ones hide nothing.
inline void randomise(MultiTaskModel& model, uint64_t seed) {
  model.arena().initialize(0.25, seed);
  Random random(seed, 77);
  for (const Parameter& row : model.arena().table().rows()) {
    if (row.init == Init::kNormal || row.init == Init::kFanIn) continue;
    const float start = row.init == Init::kOne ? 1.0F : 0.0F;
    model.arena().write_weight(model.arena().table().find(row.name), [&](float* values) {
      for (int64_t i = 0; i < row.numel; ++i) {
        values[i] = start + static_cast<float>(0.2 * random.normal());
      }
    });
  }
  model.arena().refresh_shadow();
}

/// Of all tasks, or one for each of them.
template <typename Adapters>
std::unique_ptr<MultiTaskModel> tiny_model(const BertConfig& bert, const Adapters& adapters,
                                           const Precision& precision = {},
                                           Frozen frozen = Frozen::kNothing,
                                           at::Device device = at::kCPU) {
  auto model =
      std::make_unique<MultiTaskModel>(bert, adapters, tiny_heads(), precision, frozen, device);
  randomise(*model, 11);
  model->arena().prepare_training();
  return model;
}

/// An example: a row, or in multiple choice several.
struct Row {
  int task = 0;
  int64_t id = 0;
  std::vector<int32_t> tokens, types;
  std::vector<std::vector<int32_t>>
      choices;  ///< tokens of the further rows, with ids from id + 1 on
  std::vector<float> targets;
};

inline std::vector<int32_t> tiny_tokens(Random& random) {
  std::vector<int32_t> tokens(1 + random.below(9));
  for (int32_t& token : tokens) token = static_cast<int32_t>(random.below(40));
  return tokens;
}

/// `per_task` examples of each task, sorted by task, with rows of 1 to 9 tokens.
inline std::vector<Row> tiny_rows(int per_task, uint64_t seed = 3) {
  Random random(seed, 1);
  std::vector<Row> rows;
  for (int task = 0; task < kTinyTasks; ++task) {
    for (int i = 0; i < per_task; ++i) {
      Row row;
      row.task = task;
      row.id = static_cast<int64_t>(rows.size()) * 5 + 1;
      row.tokens = tiny_tokens(random);
      const uint64_t length = row.tokens.size(), second = random.below(length + 1);
      row.types.assign(length, 1);
      std::fill_n(row.types.begin(), second, 0);
      if (task == 1) {
        row.targets = {static_cast<float>(random.uniform())};
      } else if (task == kTinySpan) {
        const auto end = static_cast<float>(random.below(length));
        row.targets = {static_cast<float>(random.below(length)), end};
      } else if (task == kTinyChoice) {
        for (int more = 0; more < 1 + i % 3; ++more) row.choices.push_back(tiny_tokens(random));
        row.targets = {static_cast<float>(random.below(1 + row.choices.size()))};
      } else if (task == kTinyLabels) {
        for (int label = 0; label < 3; ++label) {
          row.targets.push_back(static_cast<float>(random.below(2)));
        }
      } else if (task == kTinyTags) {  // some tokens have none
        for (size_t token = 0; token < length; ++token) {
          row.targets.push_back(static_cast<float>(random.below(6)) - 1.0F);
        }
      } else {
        row.targets = {static_cast<float>(random.below(task == 0 ? 2 : 3))};
      }
      rows.push_back(row);
    }
  }
  return rows;
}

inline PackedBatch pack(const std::vector<Row>& rows) {
  PackedBatch batch;
  for (const Row& row : rows) {
    batch.append(row.task, row.id, row.tokens.data(), row.types.data(),
                 static_cast<int64_t>(row.tokens.size()), row.targets);
    int64_t id = row.id;
    for (const std::vector<int32_t>& choice : row.choices) {
      const std::vector<int32_t> types(choice.size(), 0);
      batch.append_choice(++id, choice.data(), types.data(), static_cast<int64_t>(choice.size()));
    }
  }
  return batch;
}

/// The rows of one task.
inline std::vector<Row> rows_of(const std::vector<Row>& rows, int task) {
  std::vector<Row> chosen;
  for (const Row& row : rows) {
    if (row.task == task) chosen.push_back(row);
  }
  return chosen;
}

}  // namespace pals::testing

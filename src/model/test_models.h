// Tiny models and batches for tests: every kind of adapter, three tasks, dropout on.
#pragma once

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
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

inline AdapterConfig tiny_adapter(const std::string& kind, std::vector<int> layers = {},
                                  bool task_pooler = false) {
  AdapterConfig adapter;
  adapter.kind = kind;
  adapter.size = 12;
  adapter.bottleneck_size = 5;
  adapter.layers = std::move(layers);
  adapter.task_pooler = task_pooler;
  return resolve_adapter(adapter, tiny_bert(), "test");
}

/// Three tasks: two classes, a value, three classes.
inline std::vector<HeadSpec> tiny_heads() { return {{2, false}, {1, true}, {3, false}}; }

/// Weights of every parameter away from its start, so that zeros and ones hide nothing.
inline void randomise(MultiTaskModel& model, uint64_t seed) {
  model.arena().initialize(0.25, seed);
  Random random(seed, 77);
  for (const Parameter& row : model.arena().table().rows()) {
    if (row.init == Init::kNormal) continue;
    float* weight = model.arena().weights().data_ptr<float>() + row.offset;
    for (int64_t i = 0; i < row.numel; ++i) {
      weight[i] += static_cast<float>(0.2 * random.normal());
    }
  }
  model.arena().refresh_shadow();
}

inline std::unique_ptr<MultiTaskModel> tiny_model(const BertConfig& bert,
                                                  const AdapterConfig& adapter,
                                                  at::ScalarType type = at::kFloat,
                                                  bool freeze = false) {
  auto model = std::make_unique<MultiTaskModel>(bert, adapter, tiny_heads(), type, freeze);
  randomise(*model, 11);
  model->arena().prepare_training();
  return model;
}

struct Row {
  int task = 0;
  int64_t id = 0;
  std::vector<int32_t> tokens, types;
  int32_t label = -1;
  float value = 0.0F;
};

/// `per_task` rows of each of the three tasks, sorted by task, of 1 to 9 tokens.
inline std::vector<Row> tiny_rows(int per_task, uint64_t seed = 3) {
  Random random(seed, 1);
  std::vector<Row> rows;
  for (int task = 0; task < 3; ++task) {
    for (int i = 0; i < per_task; ++i) {
      Row row;
      row.task = task;
      row.id = static_cast<int64_t>(rows.size()) * 3 + 1;
      const uint64_t length = 1 + random.below(9), second = random.below(length + 1);
      for (uint64_t t = 0; t < length; ++t) {
        row.tokens.push_back(static_cast<int32_t>(random.below(40)));
        row.types.push_back(t >= second ? 1 : 0);
      }
      if (task == 1) {
        row.value = static_cast<float>(random.uniform());
      } else {
        row.label = static_cast<int32_t>(random.below(task == 0 ? 2 : 3));
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
                 static_cast<int64_t>(row.tokens.size()), row.label, row.value);
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

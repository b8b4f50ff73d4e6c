// Which rate each parameter of a model learns at.
#include <gtest/gtest.h>

#include <map>

#include "adapters/registry.h"
#include "base/error.h"
#include "model/test_models.h"

namespace pals {
namespace {

using testing::kTinyTasks;
using testing::tiny_adapters;
using testing::tiny_bert;
using testing::tiny_model;

int64_t count_of_tasks(const ParameterTable& table) {
  int64_t count = 0;
  for (int task = 0; task < kTinyTasks; ++task) count += table.count(task);
  return count;
}

TEST(LearningRateGroups, HeadsAreWhatTasksHaveWithoutAdapters) {
  for (const bool task_pooler : {false, true}) {
    const auto bare = tiny_model(tiny_bert(), tiny_adapters("none", {}, task_pooler));
    const int64_t heads = count_of_tasks(bare->arena().table());
    for (const std::string& kind : adapter_names()) {
      const auto model = tiny_model(tiny_bert(), tiny_adapters(kind, {}, task_pooler));
      const ParameterTable& table = model->arena().table();
      std::map<LearningRateGroup, int64_t> counts;
      for (const Parameter& row : table.rows()) {
        counts[row.group] += row.numel;
        EXPECT_EQ(row.owner == kSharedOwner, row.group == LearningRateGroup::kBase) << row.name;
      }
      EXPECT_EQ(counts[LearningRateGroup::kBase], table.count(kSharedOwner)) << kind;
      EXPECT_EQ(counts[LearningRateGroup::kHead], heads) << kind;
      EXPECT_EQ(counts[LearningRateGroup::kAdapter] + counts[LearningRateGroup::kAttentionAdapter],
                count_of_tasks(table) - heads)
          << kind;
    }
  }
}

TEST(LearningRateGroups, DepthsAreThoseOfTheSharedEncoder) {
  // A layer of BERT on top is a task's own.
  const auto model = tiny_model(tiny_bert(), tiny_adapters("top_bert_layer"));
  for (const Parameter& row : model->arena().table().rows()) {
    int depth = row.name.starts_with("embeddings.") ? 0 : -1;
    for (int layer = 0; layer < tiny_bert().num_hidden_layers; ++layer) {
      if (row.name.starts_with(concat("encoder.layer.", layer, "."))) depth = layer + 1;
    }
    EXPECT_EQ(row.depth, depth) << row.name;
  }
}

}  // namespace
}  // namespace pals

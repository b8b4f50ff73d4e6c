// Tasks of one model with adapters of different kinds: each row is what it is without the others.
#include <gtest/gtest.h>

#include "kernels/panels.h"
#include "model/test_models.h"

namespace pals {
namespace {

using testing::kTinyTasks;
using testing::pack;
using testing::rows_of;
using testing::tiny_adapters;
using testing::tiny_bert;
using testing::tiny_model;
using testing::tiny_rows;

// To the bit where products are our own, whose sums do not depend on how many rows there are.
void expect_same(const at::Tensor& actual, const at::Tensor& expected, at::ScalarType type,
                 const std::string& what) {
  if (cpu::takes_panels(type)) {
    EXPECT_TRUE(at::equal(actual, expected)) << what;
  } else {
    EXPECT_TRUE(at::allclose(actual, expected, 0.0, type == at::kFloat ? 1e-5 : 5e-2)) << what;
  }
}

TEST(MixedAdapters, RowsAreThoseOfTheirTasksAlone) {
  const std::vector<testing::Row> rows = tiny_rows(4);
  std::vector<testing::Row> without_tokens = rows;
  std::erase_if(without_tokens,
                [](const auto& row) { return testing::tiny_reads_tokens(row.task); });
  for (const char* kinds : {"mixed", "mixed_again"}) {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
      const auto model = tiny_model(tiny_bert(), tiny_adapters(kinds), type);
      for (const bool packed : {false, true}) {
        if (packed) model->pack_weights();
        // The second batch's last layer computes the rows' first tokens alone.
        for (const auto& chosen : {rows, without_tokens}) {
          const PackedBatch batch = pack(chosen);
          const auto together = model->forward(batch);
          for (size_t i = 0; i < batch.segments.size(); ++i) {
            const int task = batch.segments[i].task;
            const auto alone = model->forward(pack(rows_of(chosen, task)));
            expect_same(together.logits[i], alone.logits.front(), type,
                        std::string(kinds) + " task " + std::to_string(task));
          }
        }
      }
    }
  }
}

TEST(MixedAdapters, OneKindForAllIsAModelOfThatKind) {
  const PackedBatch batch = pack(tiny_rows(3));
  const AdapterConfig pals = testing::tiny_adapter("pals");
  const auto one = tiny_model(tiny_bert(), pals);
  const auto each = tiny_model(tiny_bert(), std::vector<AdapterConfig>(kTinyTasks, pals));
  EXPECT_TRUE(at::equal(one->arena().weights(), each->arena().weights()));
  const auto a = one->forward(batch), b = each->forward(batch);
  for (size_t i = 0; i < a.logits.size(); ++i) EXPECT_TRUE(at::equal(a.logits[i], b.logits[i]));
}

// A pooler of a task's own beside the shared one.
TEST(MixedAdapters, PoolersAreATasksOwnWhereItHasOne) {
  std::vector<AdapterConfig> adapters = tiny_adapters("none");
  adapters[1].task_pooler = true;
  const auto model = tiny_model(tiny_bert(), adapters);
  const ParameterTable& table = model->arena().table();
  EXPECT_GE(table.find("pooler.dense.weight"), 0);
  EXPECT_GE(table.find("tasks.1.pooler.dense.weight"), 0);
  EXPECT_EQ(table.find("tasks.0.pooler.dense.weight"), -1);
  EXPECT_TRUE(model->shares_trunk(0, 2));
  EXPECT_FALSE(model->shares_trunk(0, 1));
  std::vector<testing::Row> rows(3, tiny_rows(1).front());
  for (int task = 0; task < 3; ++task) rows[static_cast<size_t>(task)].task = task;
  const at::Tensor pooled = model->forward(pack(rows)).pooled;
  EXPECT_TRUE(at::allclose(pooled[0], pooled[2], 0.0, 1e-6));
  EXPECT_FALSE(at::allclose(pooled[0], pooled[1], 0.0, 1e-3));
}

TEST(MixedAdapters, TermsFoldIntoTheSharedWeights) {
  const std::vector<testing::Row> rows = rows_of(tiny_rows(4), 2);
  const auto model = tiny_model(tiny_bert(), tiny_adapters("lora"));
  const at::Tensor expected = model->forward(pack(rows)).logits.front();
  const at::Tensor before = model->arena().weights().clone();
  model->fold_terms(2);
  EXPECT_FALSE(at::equal(before, model->arena().weights()));
  EXPECT_TRUE(at::allclose(model->forward(pack(rows)).logits.front(), expected, 1e-4, 1e-5));
}

}  // namespace
}  // namespace pals

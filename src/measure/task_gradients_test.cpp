#include "measure/task_gradients.h"

#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "base/error.h"
#include "base/random.h"
#include "features/test_tokens.h"
#include "model/test_models.h"

namespace pals {
namespace {

/// Two tasks of two classes each, whose heads and adapters have the same weights.
std::unique_ptr<MultiTaskModel> twins(Frozen frozen = Frozen::kNothing) {
  const c10::InferenceMode inference_mode;
  const BertConfig bert = testing::tiny_bert();
  const std::vector<HeadSpec> heads(2, HeadSpec{TaskKind::kClassification, 2});
  const std::vector<AdapterConfig> adapters(2, testing::tiny_adapter("low_rank"));
  auto model = std::make_unique<MultiTaskModel>(bert, adapters, heads, Precision{}, frozen);
  testing::randomise(*model, 5);
  ParameterArena& arena = model->arena();
  const ParameterTable& table = arena.table();
  for (const Parameter& row : table.rows()) {
    if (row.owner != 0) continue;
    std::string other = row.name;
    other.replace(other.find("tasks.0."), 8, "tasks.1.");
    arena.weight(table.find(other)).copy_(arena.weight(table.find(row.name)));
  }
  arena.prepare_training();
  return model;
}

/// A batch of so many rows of random tokens, the same for the same seed but for the task. Labels
/// are drawn, too, or the others.
TrainingBatch batch_of(int task, int rows, uint64_t seed, bool others = false) {
  TrainingBatch batch{.task = task, .num_examples = rows};
  batch.micro_batches.resize(1);
  Random random(seed);
  for (int row = 0; row < rows; ++row) {
    const std::vector<int32_t> tokens = testing::tiny_tokens(random);
    const std::vector<int32_t> types(tokens.size(), 0);
    const bool label = random.below(2) == 1;
    const std::vector<float> targets = {label != others ? 1.0F : 0.0F};
    batch.micro_batches[0].append(task, row, tokens.data(), types.data(), std::ssize(tokens),
                                  targets);
  }
  return batch;
}

TEST(TaskGradients, AreThoseOfThePlainWay) {
  auto model = twins();
  const TaskBatches batches = {{batch_of(0, 4, 1), batch_of(0, 4, 2), batch_of(0, 1, 3)},
                               {batch_of(1, 3, 4)}};
  const GradientRecord record = compare_gradients(*model, batches);
  // The same by LibTorch's sums, batch after batch.
  const c10::InferenceMode inference_mode;
  ParameterArena& arena = model->arena();
  const ArenaRange range = arena.table().range(kSharedOwner);
  const auto gradient = [&](const TrainingBatch& batch) {
    arena.zero_gradients(batch.task);
    model->train(batch.micro_batches[0], {.examples = 1});
    return arena.gradients().narrow(0, range.begin, range.end - range.begin).to(at::kDouble);
  };
  const auto cosine = [](const at::Tensor& one, const at::Tensor& other) {
    return (one.dot(other) / (one.norm() * other.norm())).item<double>();
  };
  std::vector<at::Tensor> first;
  for (const TrainingBatch& batch : batches[0]) first.push_back(gradient(batch));
  const at::Tensor second = gradient(batches[1][0]);
  const at::Tensor sum = first[0] + first[1] + first[2];
  EXPECT_NEAR(*record.cosines[0][1], cosine(sum, second), 1e-5);
  EXPECT_EQ(record.cosines[0][1], record.cosines[1][0]);
  EXPECT_NEAR(*record.cosines[0][0], 1.0, 1e-12);
  EXPECT_NEAR(*record.halves[0], cosine(first[0] + first[2], first[1]), 1e-5);
  EXPECT_FALSE(record.halves[1]);
  EXPECT_NEAR(record.norms[0], sum.norm().item<double>() / 9, 1e-5 * record.norms[0]);
  EXPECT_NEAR(record.norms[1], second.norm().item<double>() / 3, 1e-5 * record.norms[1]);
  EXPECT_EQ(record.batches, 3);
  EXPECT_EQ(record.parameters, arena.table().count(kSharedOwner));
}

TEST(TaskGradients, OfTheSameTaskAreTheSame) {
  auto model = twins();
  const GradientRecord record =
      compare_gradients(*model, {{batch_of(0, 4, 1), batch_of(0, 4, 1), batch_of(0, 4, 2)},
                                 {batch_of(1, 4, 1), batch_of(1, 4, 1), batch_of(1, 4, 2)}});
  EXPECT_NEAR(*record.cosines[0][1], 1.0, 1e-6);
  EXPECT_NEAR(record.norms[0], record.norms[1], 1e-6 * record.norms[0]);
  EXPECT_LT(std::abs(*record.halves[0]), 1.0);
  const GradientRecord twice =
      compare_gradients(*model, {{batch_of(0, 4, 1), batch_of(0, 4, 1)}, {batch_of(1, 4, 2)}});
  EXPECT_NEAR(*twice.halves[0], 1.0, 1e-6);
}

// With two classes, a row's other label turns its gradient round.
TEST(TaskGradients, OfOppositeLabelsAreOpposite) {
  auto model = twins();
  const GradientRecord record =
      compare_gradients(*model, {{batch_of(0, 1, 1)}, {batch_of(1, 1, 1, true)}});
  EXPECT_NEAR(*record.cosines[0][1], -1.0, 1e-5);
}

TEST(TaskGradients, AreOfWhatTrains) {
  auto model = twins(Frozen::kWeights);
  const TaskBatches batches = {{batch_of(0, 4, 1)}, {batch_of(1, 4, 2)}};
  const GradientRecord record = compare_gradients(*model, batches);
  EXPECT_EQ(record.parameters, 2 * 24 * (1 + 2 * 2));  // of LayerNorms
  EXPECT_GT(record.norms[0], 0.0);
  auto all = twins();
  EXPECT_GT(compare_gradients(*all, batches).norms[0], record.norms[0]);
}

TEST(TaskGradients, StopWhenTheyAreTold) {
  auto model = twins();
  std::stop_source source;
  source.request_stop();
  EXPECT_THROW(compare_gradients(*model, {{batch_of(0, 1, 1)}}, source.get_token()), Error);
}

TEST(DrawBatches, NoRowComesTwice) {
  const std::vector<FeaturesFuture> features = {ready_features(numbered_features(100, 0)),
                                                ready_features(numbered_features(11, 1000))};
  const TrainingLoaderOptions options{.batch_size = 4, .seed = 3};
  const TaskBatches batches = draw_batches(features, options, 8);
  ASSERT_EQ(batches.size(), 2U);
  EXPECT_EQ(batches[0].size(), 8U);
  EXPECT_EQ(batches[1].size(), 3U);
  for (size_t task = 0; task < 2; ++task) {
    std::set<int32_t> rows;
    int64_t count = 0;
    for (const TrainingBatch& batch : batches[task]) {
      EXPECT_EQ(batch.task, static_cast<int>(task));
      const PackedBatch& part = batch.micro_batches.at(0);
      for (int64_t row = 0; row < part.num_rows(); ++row, ++count) {
        const auto begin = static_cast<size_t>(part.cu_seqlens[static_cast<size_t>(row)]);
        rows.insert(part.token_ids[begin]);
      }
    }
    EXPECT_EQ(std::ssize(rows), count);
    EXPECT_EQ(count, task == 0 ? 32 : 11);
  }
  EXPECT_EQ(draw_batches(features, options, 2)[1].size(), 2U);
}

}  // namespace
}  // namespace pals

#include "train/memory_check.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "model/test_models.h"
#include "model/training_memory.h"

namespace pals {
namespace {

TEST(TrainingMemory, CountsTheArenaAndGrowsWithTheBatch) {
  const auto model =
      testing::tiny_model(testing::tiny_bert(), testing::tiny_adapter("pals"), at::kBFloat16);
  const ParameterArena& arena = model->arena();
  const TrainingMemory small = training_memory(*model, 10), large = training_memory(*model, 1000);
  EXPECT_EQ(small.weights, static_cast<int64_t>(arena.weights().nbytes()));
  EXPECT_EQ(small.shadow, static_cast<int64_t>(arena.shadow().nbytes()));
  EXPECT_EQ(small.gradients, static_cast<int64_t>(arena.gradients().nbytes()));
  EXPECT_EQ(small.moments,
            static_cast<int64_t>(arena.first_moment().nbytes() + arena.second_moment().nbytes()));
  EXPECT_EQ(large.batch, 100 * small.batch);
  EXPECT_EQ(small.average, 0);
  model->arena().keep_average();
  EXPECT_EQ(training_memory(*model, 10).model(), small.model() + small.weights);
  model->set_recompute(true);
  EXPECT_LT(training_memory(*model, 1000).batch, large.batch);
}

// A step of BERT-base keeps 12 layers of 8 x 768 + 2 x 3072 numbers for each token.
TEST(TrainingMemory, IsOfTheRightSizeForBertBase) {
  const MultiTaskModel model(BertConfig{}, AdapterConfig{}, testing::tiny_heads(), at::kFloat);
  const int64_t kept = 12 * (8 * 768 + 2 * 3072) * 4;
  EXPECT_GT(model.bytes_per_token(), kept);
  EXPECT_LT(model.bytes_per_token(), kept + kept / 8);
}

TEST(MemoryCheck, LeavesTheCpuAlone) {
  const auto model = testing::tiny_model(testing::tiny_bert(), testing::tiny_adapter("none"));
  check_memory(*model, {}, 1 << 30);
  EXPECT_THROW(within_memory(*model, 1, [] { TORCH_CHECK(false, "out of memory"); }), c10::Error);
}

}  // namespace
}  // namespace pals

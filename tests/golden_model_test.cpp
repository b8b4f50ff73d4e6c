// The packed model against the reference implementation's outputs, gradients and training steps.
#include <gtest/gtest.h>

#include "checkpoint/name_map.h"
#include "reference_set.h"
#include "train/optimizer.h"

namespace pals {
namespace {

class GoldenModel : public testing::TestWithParam<std::string> {};

double largest(const at::Tensor& x) { return x.cpu().abs().max().item<double>(); }

// Largest difference relative to the expected tensor's largest value.
double relative_error(const at::Tensor& actual, const at::Tensor& expected) {
  return largest(actual.cpu().to(at::kFloat) - expected) / std::max(largest(expected), 1e-30);
}

TEST_P(GoldenModel, ForwardMatches) {
  const ReferenceSet set(GetParam());
  for (int task = 0; task < set.num_tasks(); ++task) {
    const PackedBatch batch = set.batch(task);
    const auto output = set.model->forward(batch, true);
    for (size_t layer = 0; layer < output.encoder_layers.size(); ++layer) {
      const at::Tensor expected =
          set.pack(task, set.expected(task, "encoder_layer." + std::to_string(layer)));
      EXPECT_LT(relative_error(output.encoder_layers[layer], expected), golden_tolerance(1e-5))
          << "task " << task << " layer " << layer;
    }
    EXPECT_LT(relative_error(output.pooled, set.expected(task, "pooled")), golden_tolerance(1e-5))
        << task;
    EXPECT_LT(relative_error(output.logits.front(), set.expected(task, "logits")),
              golden_tolerance(1e-5))
        << task;
    double loss = 0.0;
    for (const double row : set.model->example_losses(batch, output)) {
      loss += row / static_cast<double>(batch.num_rows());
    }
    const double expected_loss = set.expected(task, "loss").item<double>();
    EXPECT_NEAR(loss, expected_loss, golden_tolerance(1e-5) * std::abs(expected_loss)) << task;
  }
}

TEST_P(GoldenModel, GradientsMatch) {
  const ReferenceSet set(GetParam());
  ParameterArena& arena = set.model->arena();
  arena.prepare_training();
  for (int task = 0; task < set.num_tasks(); ++task) {
    const PackedBatch batch = set.batch(task);
    arena.zero_gradients(task);
    const double loss = set.model->train(batch, {.examples = batch.num_examples()}).item<double>();
    const double expected_loss = set.expected(task, "loss").item<double>();
    EXPECT_NEAR(loss, expected_loss, golden_tolerance(1e-5) * std::abs(expected_loss));

    const std::string prefix = "task" + std::to_string(task) + ".grad.";
    size_t compared = 0;
    for (const TensorEntry& entry : set.reference.tensors()) {
      if (!entry.name.starts_with(prefix)) continue;
      const std::string name = canonical_name(entry.name.substr(prefix.size()));
      ParameterId id = arena.table().find(name);
      if (id < 0) id = arena.table().find(tied_name(name));
      ASSERT_GE(id, 0) << entry.name;
      const at::Tensor expected = tensor_of(set.reference, entry.name);
      const at::Tensor actual = arena.gradient(id);
      if (name.ends_with("key.bias")) {
        EXPECT_LT(largest(actual), golden_tolerance(1e-6)) << entry.name;
      } else {
        EXPECT_LT(relative_error(actual, expected), golden_tolerance(2e-5))
            << "task " << task << " " << entry.name;
      }
      ++compared;
    }
    // Every parameter that the drawn task uses has a gradient in the reference, and no other has.
    size_t used = 0;
    for (const Parameter& row : arena.table().rows()) {
      used += row.owner == kSharedOwner || row.owner == task ? 1U : 0U;
    }
    EXPECT_GE(compared, used);
  }
}

TEST_P(GoldenModel, SixStepsMatch) {
  const ReferenceSet set(GetParam());
  ParameterArena& arena = set.model->arena();
  arena.prepare_training();
  const Optimizer optimizer(
      {.learning_rate = 3e-3, .attention_learning_rate = 3e-3, .warmup_proportion = 1.0 / 3.0});
  for (int step = 0; step < 6; ++step) {
    const int task = step % set.num_tasks();
    const PackedBatch batch = set.batch(task);
    arena.zero_gradients(task);
    const double loss = set.model->train(batch, {.examples = batch.num_examples()}).item<double>();
    const double expected =
        tensor_of(set.reference, "step" + std::to_string(step) + ".loss").item<double>();
    EXPECT_NEAR(loss, expected, golden_tolerance(2e-4) * std::max(1.0, std::abs(expected)))
        << "step " << step;
    optimizer.step(arena, task, {step, 6});
  }
  for (const TensorEntry& entry : set.reference.tensors()) {
    if (!entry.name.starts_with("trained.")) continue;
    const std::string name = canonical_name(entry.name.substr(8));
    ParameterId id = arena.table().find(name);
    if (id < 0) id = arena.table().find(tied_name(name));
    ASSERT_GE(id, 0) << entry.name;
    const at::Tensor difference = arena.weight(id).cpu() - tensor_of(set.reference, entry.name);
    EXPECT_LT(largest(difference), golden_tolerance(1e-4)) << entry.name;
  }
}

TEST_P(GoldenModel, MixedBatchEqualsSingleTasks) {
  const ReferenceSet set(GetParam());
  PackedBatch mixed;
  std::vector<at::Tensor> single;
  for (int task = 0; task < set.num_tasks(); ++task) {
    const PackedBatch batch = set.batch(task);
    single.push_back(set.model->forward(batch).logits.front().cpu());
    for (size_t row = 0; row < batch.row_ids.size(); ++row) {
      const int32_t first = batch.cu_seqlens[row], last = batch.cu_seqlens[row + 1];
      mixed.append(task, batch.row_ids[row], batch.token_ids.data() + first,
                   batch.token_type_ids.data() + first, last - first,
                   batch.targets_of(static_cast<int64_t>(row)));
    }
  }
  const auto output = set.model->forward(mixed);
  ASSERT_EQ(output.logits.size(), single.size());
  for (size_t task = 0; task < single.size(); ++task) {
    EXPECT_LT(relative_error(output.logits[task], single[task]), golden_tolerance(1e-5))
        << "task " << task;
  }
}

TEST_P(GoldenModel, ReferenceNamesAreCovered) {
  const ReferenceSet set(GetParam());
  const bool houlsby = set.model->adapter_config(0).kind.starts_with("houlsby");
  std::vector<std::string> written;
  for (const Parameter& row : set.model->arena().table().rows()) {
    for (const std::string& name :
         reference_names(row.name, set.model->adapter_config(0).layers, houlsby)) {
      written.push_back(name);
    }
  }
  std::vector<std::string> expected;
  for (const TensorEntry& entry : set.weights.tensors()) expected.push_back(entry.name);
  std::sort(written.begin(), written.end());
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(written, expected);
}

std::string set_name(const testing::TestParamInfo<std::string>& info) {
  const std::string& folder = info.param;
  return folder.substr(folder.rfind('/') + 1) + "_" + std::to_string(info.index);
}

INSTANTIATE_TEST_SUITE_P(Sets, GoldenModel, testing::ValuesIn(reference_folders()), set_name);

}  // namespace
}  // namespace pals

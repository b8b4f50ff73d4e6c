// What holds for every kind of adapter: packing, order and mixing of rows do not matter; a step's
// micro-batches add up; frozen and other tasks' parameters stand still; bf16 is near fp32.
#include <gtest/gtest.h>

#include "base/random.h"
#include "model/test_models.h"
#include "train/optimizer.h"

namespace pals {
namespace {

using testing::pack;
using testing::Row;
using testing::rows_of;
using testing::tiny_adapters;
using testing::tiny_bert;
using testing::tiny_model;
using testing::tiny_rows;

double largest(const at::Tensor& x) { return x.abs().max().item<double>(); }

// Root of the squared differences, relative to that of the expected values.
double distance(const at::Tensor& actual, const at::Tensor& expected) {
  return ((actual - expected).norm() / expected.norm()).item<double>();
}

at::Tensor all_logits(const MultiTaskModel::Output& output) {
  std::vector<at::Tensor> flat;
  for (const at::Tensor& logits : output.logits) flat.push_back(logits.flatten());
  return at::cat(flat);
}

// The difference of two sets of gradients, parameter by parameter, relative to the largest value.
void expect_same_gradients(const MultiTaskModel& model, const at::Tensor& actual,
                           const at::Tensor& expected, double tolerance) {
  const double scale = largest(expected);
  ASSERT_GT(scale, 0.0);
  for (const Parameter& row : model.arena().table().rows()) {
    const at::Tensor difference =
        actual.narrow(0, row.offset, row.numel) - expected.narrow(0, row.offset, row.numel);
    EXPECT_LE(largest(difference), tolerance * scale) << row.name;
  }
}

struct Trained {
  double loss = 0.0;
  at::Tensor gradients;
};

// The sum over several batches of one step.
Trained train(MultiTaskModel& model, const std::vector<PackedBatch>& batches, int64_t examples,
              uint64_t step = 5) {
  model.arena().gradients().zero_();
  Trained trained;
  for (const PackedBatch& batch : batches) {
    trained.loss +=
        model.train(batch, {.seed = 42, .step = step, .examples = examples}).item<double>();
  }
  trained.gradients = model.arena().gradients().clone();
  return trained;
}

struct Case {
  std::string name, kind;
  std::vector<int> layers = {};
  bool task_pooler = false;
};

void PrintTo(const Case& test, std::ostream* stream) { *stream << test.name; }

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const std::string& kind : adapter_names()) all.push_back({kind, kind});
  for (const char* mixed : {"mixed", "mixed_again"}) all.push_back({mixed, mixed});
  all.push_back({"pals_in_layer_1", "pals", {1}});
  all.push_back({"houlsby_in_layer_0", "houlsby", {0}});
  all.push_back({"low_rank_task_pooler", "low_rank", {}, true});
  return all;
}

class EveryAdapter : public ::testing::TestWithParam<Case> {
 protected:
  std::unique_ptr<MultiTaskModel> model(at::ScalarType type = at::kFloat) const {
    return tiny_model(tiny_bert(), adapters(), type);
  }
  static std::vector<AdapterConfig> adapters() {
    return tiny_adapters(GetParam().kind, GetParam().layers, GetParam().task_pooler);
  }
  void check_freezing(Frozen part_of_it, bool recomputes);

  std::vector<Row> rows_ = tiny_rows(4);
  const int64_t num_examples_ = static_cast<int64_t>(rows_.size());
};

TEST_P(EveryAdapter, PackedRowsEqualSingleRows) {
  const auto model = this->model();
  const PackedBatch batch = pack(rows_);
  const auto together = model->forward(batch, true);
  ASSERT_EQ(together.logits.size(), static_cast<size_t>(testing::kTinyTasks));
  for (size_t i = 0; i < rows_.size(); ++i) {
    const auto alone = model->forward(pack({rows_[i]}), true);
    const int64_t row = batch.group_offsets[i], rows = batch.group_offsets[i + 1] - row;
    const int64_t first = batch.cu_seqlens[static_cast<size_t>(row)];
    const int64_t tokens = batch.cu_seqlens[static_cast<size_t>(row + rows)] - first;
    for (size_t layer = 0; layer < alone.encoder_layers.size(); ++layer) {
      EXPECT_LT(largest(together.encoder_layers[layer].narrow(0, first, tokens) -
                        alone.encoder_layers[layer]),
                1e-5)
          << "example " << i << " layer " << layer;
    }
    EXPECT_LT(largest(together.pooled.narrow(0, row, rows) - alone.pooled), 1e-5) << i;
    const auto task = static_cast<size_t>(rows_[i].task);
    const Segment& segment = batch.segments[task];
    const at::Tensor logits =
        model->head(rows_[i].task).reads_tokens()
            ? together.logits[task].narrow(0, first - segment.first_token, tokens)
            : together.logits[task].narrow(0, row - segment.first_row, rows);
    EXPECT_LT(largest(logits - alone.logits[0]), 1e-5) << i;
  }
}

// The last layer works on what the heads read alone, unless all hidden states are asked for.
TEST_P(EveryAdapter, OutputsDoNotDependOnWhatElseIsKept) {
  const auto model = this->model();
  std::vector<Row> pooled_only;
  for (const Row& row : rows_) {
    if (!model->head(row.task).reads_tokens()) pooled_only.push_back(row);
  }
  for (const auto& rows : {rows_, pooled_only, std::vector<Row>{rows_.front()}}) {
    const PackedBatch batch = pack(rows);
    const auto all = model->forward(batch, true), read = model->forward(batch);
    EXPECT_EQ(all.encoder_layers.back().size(0), batch.num_tokens());
    EXPECT_LT(largest(all.pooled - read.pooled), 1e-5);
    ASSERT_EQ(all.logits.size(), read.logits.size());
    for (size_t i = 0; i < all.logits.size(); ++i) {
      EXPECT_LT(largest(all.logits[i] - read.logits[i]), 1e-5) << "segment " << i;
    }
  }
}

TEST_P(EveryAdapter, TasksHaveTheirOwnParameters) {
  // The same text for each task gives the same pooled output only without task parts.
  const auto model = this->model();
  std::vector<Row> rows(3, rows_.front());
  for (int task = 0; task < 3; ++task) rows[static_cast<size_t>(task)].task = task;
  const at::Tensor pooled = model->forward(pack(rows)).pooled;
  const double difference = largest(pooled[0] - pooled[1]);
  if (GetParam().kind == "none") {
    EXPECT_LT(difference, 1e-6);
  } else {
    EXPECT_GT(difference, 1e-3);
  }
}

TEST_P(EveryAdapter, OrderOfRowsDoesNotMatter) {
  const auto model = this->model();
  const Trained expected = train(*model, {pack(rows_)}, num_examples_);
  std::vector<Row> shuffled = rows_;
  for (auto first = shuffled.begin(); first != shuffled.end(); first += 4) {
    std::reverse(first, first + 4);
    std::swap(first[0], first[2]);
  }
  const Trained actual = train(*model, {pack(shuffled)}, num_examples_);
  EXPECT_NEAR(actual.loss, expected.loss, 1e-6);
  expect_same_gradients(*model, actual.gradients, expected.gradients, 1e-5);
}

TEST_P(EveryAdapter, MixedBatchTrainsAsItsTasksDoAlone) {
  const auto model = this->model();
  const Trained mixed = train(*model, {pack(rows_)}, num_examples_);
  std::vector<PackedBatch> tasks;
  for (int task = 0; task < testing::kTinyTasks; ++task)
    tasks.push_back(pack(rows_of(rows_, task)));
  const Trained apart = train(*model, tasks, num_examples_);
  EXPECT_NEAR(mixed.loss, apart.loss, 1e-6);
  expect_same_gradients(*model, mixed.gradients, apart.gradients, 1e-5);
}

TEST_P(EveryAdapter, MicroBatchesAddUp) {
  const auto model = this->model();
  for (int task = 0; task < testing::kTinyTasks; ++task) {
    const std::vector<Row> rows = rows_of(rows_, task);
    const Trained whole = train(*model, {pack(rows)}, 4);
    const Trained parts = train(*model, {pack({rows[0]}), pack({rows.begin() + 1, rows.end()})}, 4);
    EXPECT_NEAR(whole.loss, parts.loss, 2e-6);
    expect_same_gradients(*model, parts.gradients, whole.gradients, 1e-5);
  }
}

// What other ranks are sent of a range must not change afterwards.
TEST_P(EveryAdapter, RangesAreToldOnceAndWhenComplete) {
  const auto model = this->model();
  ParameterArena& arena = model->arena();
  arena.gradients().zero_();
  const PackedBatch batch = pack(rows_of(rows_, 1));
  std::vector<std::pair<ArenaRange, at::Tensor>> told;
  model->train(batch, {.seed = 42, .step = 5, .examples = 4}, [&](ArenaRange range) {
    told.emplace_back(range, arena.gradients().slice(0, range.begin, range.end).clone());
  });
  at::Tensor times = at::zeros({arena.table().total()}, at::kInt);
  const std::vector<ArenaRange> expected = model->gradient_ranges(1);
  ASSERT_EQ(told.size(), expected.size());
  for (size_t i = 0; i < told.size(); ++i) {
    const auto& [range, gradients] = told[i];
    EXPECT_EQ(range.begin, expected[i].begin);
    EXPECT_EQ(range.end, expected[i].end);
    EXPECT_TRUE(at::equal(gradients, arena.gradients().slice(0, range.begin, range.end))) << i;
    times.slice(0, range.begin, range.end) += 1;
  }
  for (const Parameter& row : arena.table().rows()) {
    const int count = row.owner == kSharedOwner || row.owner == 1 ? 1 : 0;
    const at::Tensor part = times.narrow(0, row.offset, row.numel);
    EXPECT_TRUE(at::equal(part, at::full_like(part, count))) << row.name;
  }
  // Only the tokens of the batch have gradients in the word embeddings.
  const at::Tensor words = arena.gradient(model->word_embeddings()).clone();
  for (const int32_t id : batch.token_ids) words.select(0, id).zero_();
  EXPECT_EQ(largest(words), 0.0);
}

TEST_P(EveryAdapter, EqualStepsAreBitIdentical) {
  const auto model = this->model();
  const Trained first = train(*model, {pack(rows_)}, num_examples_);
  const Trained again = train(*model, {pack(rows_)}, num_examples_);
  EXPECT_EQ(first.loss, again.loss);
  EXPECT_TRUE(at::equal(first.gradients, again.gradients));
  const Trained other = train(*model, {pack(rows_)}, num_examples_, 6);
  EXPECT_GT(std::abs(first.loss - other.loss), 1e-4) << "another step has other dropout masks";
}

TEST_P(EveryAdapter, TrainingWithoutDropoutGivesTheLossOfEvaluation) {
  const auto model = this->model();
  model->set_dropout(0.0);
  const PackedBatch batch = pack(rows_);
  double expected = 0.0;
  for (const double loss : model->example_losses(batch, model->forward(batch))) {
    expected += loss / static_cast<double>(num_examples_);
  }
  EXPECT_NEAR(train(*model, {batch}, num_examples_).loss, expected, 1e-6);
}

TEST_P(EveryAdapter, OtherTasksStandStill) {
  const auto model = this->model();
  ParameterArena& arena = model->arena();
  const at::Tensor before = arena.weights().clone();
  const Trained trained = train(*model, {pack(rows_of(rows_, 1))}, 4);
  const Optimizer optimizer({.learning_rate = 1e-2, .warmup_proportion = 0.0});
  optimizer.step(arena, 1, {1, 10});
  for (const Parameter& row : arena.table().rows()) {
    const auto part = [&](const at::Tensor& x) { return x.narrow(0, row.offset, row.numel); };
    const bool used = row.owner == kSharedOwner || row.owner == 1;
    EXPECT_EQ(at::equal(part(before), part(arena.weights())), !used) << row.name;
    EXPECT_TRUE(used || largest(part(trained.gradients)) == 0.0) << row.name;
  }
}

void EveryAdapter::check_freezing(Frozen part_of_it, bool recomputes) {
  const auto model = this->model();
  const auto frozen = tiny_model(tiny_bert(), adapters(), at::kFloat, part_of_it);
  frozen->set_recompute(recomputes);
  const Trained all = train(*model, {pack(rows_)}, num_examples_);
  const Trained some = train(*frozen, {pack(rows_)}, num_examples_);
  EXPECT_NEAR(all.loss, some.loss, 1e-7);
  for (const Parameter& row : frozen->arena().table().rows()) {
    const auto part = [&](const at::Tensor& x) { return x.narrow(0, row.offset, row.numel); };
    const bool trains =
        row.owner != kSharedOwner || (row.layer_norm && part_of_it == Frozen::kWeights);
    EXPECT_EQ(row.trainable, trains) << row.name;
    if (trains) {
      EXPECT_LE(largest(part(all.gradients) - part(some.gradients)), 1e-6 * largest(all.gradients))
          << row.name;
    } else {
      EXPECT_EQ(largest(part(some.gradients)), 0.0) << row.name;
    }
  }
  const at::Tensor before = frozen->arena().weights().clone();
  Optimizer({.learning_rate = 1e-2, .warmup_proportion = 0.0}).step(frozen->arena(), 0, {1, 10});
  for (const Parameter& row : frozen->arena().table().rows()) {
    if (row.trainable) continue;
    const auto part = [&](const at::Tensor& x) { return x.narrow(0, row.offset, row.numel); };
    EXPECT_TRUE(at::equal(part(before), part(frozen->arena().weights()))) << row.name;
  }
}

TEST_P(EveryAdapter, FreezingLeavesTheOtherGradientsAsTheyWere) {
  check_freezing(Frozen::kWeights, false);
}

// Nothing is kept or computed below the first layer that trains.
TEST_P(EveryAdapter, FreezingTheWholeSharedPartDoesToo) {
  for (const bool recomputes : {false, true}) check_freezing(Frozen::kAll, recomputes);
}

TEST_P(EveryAdapter, Bf16IsNearFp32) {
  const auto full = model(at::kFloat), half = model(at::kBFloat16);
  const PackedBatch batch = pack(rows_);
  const auto expected = full->forward(batch), actual = half->forward(batch);
  EXPECT_EQ(actual.pooled.scalar_type(), at::kBFloat16);
  EXPECT_LT(distance(actual.pooled.to(at::kFloat), expected.pooled), 3e-2);
  EXPECT_LT(distance(all_logits(actual), all_logits(expected)), 3e-2);
  const Trained in_full = train(*full, {batch}, num_examples_);
  const Trained in_half = train(*half, {batch}, num_examples_);
  EXPECT_NEAR(in_half.loss, in_full.loss, 2e-2 * in_full.loss);
  ASSERT_TRUE(at::isfinite(in_half.gradients).all().item<bool>());
  EXPECT_LT(distance(in_half.gradients, in_full.gradients), 0.12);
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryAdapter, ::testing::ValuesIn(cases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace pals

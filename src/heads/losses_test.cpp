#include "heads/losses.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>

#include "kinds/kind.h"

namespace pals {
namespace {

using LossOf = Loss (*)(const at::Tensor&, const PackedBatch&, const Segment&, double);

/// The losses of a kind of task.
template <TaskKind kKind>
Loss loss_of(const at::Tensor& logits, const PackedBatch& batch, const Segment& segment,
             double scale) {
  Upload upload(at::kCPU, 0);
  const LossLayout layout = kind_of(kKind).loss_layout(batch, segment, logits.size(1));
  return compute_loss(logits, upload_layout(layout, upload), scale);
}

constexpr LossOf class_loss = loss_of<TaskKind::kClassification>,
                 value_loss = loss_of<TaskKind::kRegression>,
                 choice_loss = loss_of<TaskKind::kMultipleChoice>,
                 span_loss = loss_of<TaskKind::kSpan>, label_loss = loss_of<TaskKind::kMultiLabel>,
                 tag_loss = loss_of<TaskKind::kTagging>;

/// The losses of a kind of task with settings of its own.
template <TaskKind kKind, int kSettings>
Loss weighted_loss(const at::Tensor& logits, const PackedBatch& batch, const Segment& segment,
                   double scale) {
  const LossSettings settings[] = {
      {.weight = 3.0},
      {.class_weights = {0.5, 2.0, 1.0}},
      {.label_smoothing = 0.2},
      {.weight = 0.25, .class_weights = {0.5, 2.0, 0.0}, .label_smoothing = 1.0}};
  Upload upload(at::kCPU, 0);
  LossLayout layout = kind_of(kKind).loss_layout(batch, segment, logits.size(1));
  apply_settings(settings[kSettings], layout);
  return compute_loss(logits, upload_layout(layout, upload), scale);
}

at::Tensor matrix(int64_t rows, int64_t columns) {
  return at::sin(at::arange(rows * columns, at::kFloat) * 0.7).mul_(2.0).view({rows, columns});
}

/// Examples of rows of these lengths, behind two rows of another task.
PackedBatch batch_of(const std::vector<std::vector<int64_t>>& examples,
                     const std::vector<std::vector<float>>& targets) {
  PackedBatch batch;
  const std::vector<int32_t> ids(16);
  for (int row = 0; row < 2; ++row) batch.append(0, row, ids.data(), ids.data(), 3);
  for (size_t i = 0; i < examples.size(); ++i) {
    batch.append(1, 0, ids.data(), ids.data(), examples[i].front(), targets[i]);
    for (size_t row = 1; row < examples[i].size(); ++row) {
      batch.append_choice(0, ids.data(), ids.data(), examples[i][row]);
    }
  }
  return batch;
}

/// Gradient of the summed losses by central differences, against d_logits / scale.
void expect_gradient(LossOf loss, const at::Tensor& logits, const PackedBatch& batch) {
  const Segment& segment = batch.segments.back();
  const auto sum = [&](const at::Tensor& x) {
    return loss(x, batch, segment, 1.0).examples.sum().item<double>();
  };
  for (const double scale : {1.0, 0.125}) {
    const at::Tensor gradient = loss(logits, batch, segment, scale).d_logits;
    ASSERT_EQ(gradient.sizes(), logits.sizes());
    for (int64_t i = 0; i < logits.numel(); ++i) {
      constexpr double kStep = 1e-2;
      at::Tensor up = logits.clone(), down = logits.clone();
      up.view(-1)[i] += kStep;
      down.view(-1)[i] -= kStep;
      EXPECT_NEAR(gradient.view(-1)[i].item<double>(),
                  scale * (sum(up) - sum(down)) / (2.0 * kStep), 1e-4 * scale)
          << i;
    }
  }
}

TEST(ClassLoss, IsMinusLogSoftmax) {
  const PackedBatch batch = batch_of({{2}, {5}}, {{2}, {0}});
  const at::Tensor logits = at::tensor({1.0F, 2.0F, 4.0F, 0.0F, 0.0F, 0.0F}).view({2, 3});
  const Loss loss = class_loss(logits, batch, batch.segments.back(), 1.0);
  ASSERT_EQ(loss.examples.numel(), 2);
  EXPECT_NEAR(loss.examples[0].item<double>(),
              std::log(std::exp(1.0) + std::exp(2.0) + std::exp(4.0)) - 4.0, 1e-6);
  EXPECT_NEAR(loss.examples[1].item<double>(), std::log(3.0), 1e-6);
  expect_gradient(class_loss, matrix(2, 3), batch);
}

TEST(ClassLoss, LargeLogitsStayFinite) {
  const PackedBatch batch = batch_of({{1}}, {{1}});
  const Loss loss =
      class_loss(at::tensor({1e4F, -1e4F}).view({1, 2}), batch, batch.segments.back(), 1.0);
  EXPECT_NEAR(loss.examples[0].item<double>(), 2e4, 1.0);
  EXPECT_TRUE(at::isfinite(loss.d_logits).all().item<bool>());
}

TEST(ClassLoss, LabelsOutsideTheClassesAreRefused) {
  for (const float label : {-1.0F, 3.0F}) {
    const PackedBatch batch = batch_of({{1}}, {{label}});
    EXPECT_THROW(class_loss(matrix(1, 3), batch, batch.segments.back(), 1.0), std::logic_error)
        << label;
  }
}

TEST(ValueLoss, IsTheSquaredError) {
  const PackedBatch batch = batch_of({{1}, {2}, {1}}, {{0.2F}, {1.0F}, {}});
  const at::Tensor logits = matrix(3, 1);
  const Loss loss = value_loss(logits, batch, batch.segments.back(), 1.0);
  ASSERT_EQ(loss.examples.numel(), 3);
  EXPECT_NEAR(loss.examples[1].item<double>(), std::pow(logits[1][0].item<double>() - 1.0, 2.0),
              1e-6);
  expect_gradient(value_loss, logits, batch);
}

TEST(ChoiceLoss, IsASoftmaxOverAQuestionsChoices) {
  const PackedBatch batch = batch_of({{1, 2}, {3, 1, 1}}, {{0}, {2}});
  const at::Tensor logits = at::tensor({0.0F, 1.0F, 5.0F, 5.0F, 5.0F}).view({5, 1});
  const Loss loss = choice_loss(logits, batch, batch.segments.back(), 1.0);
  ASSERT_EQ(loss.examples.numel(), 2);
  EXPECT_NEAR(loss.examples[0].item<double>(), std::log(1.0 + std::exp(1.0)), 1e-6);
  EXPECT_NEAR(loss.examples[1].item<double>(), std::log(3.0), 1e-6);
  expect_gradient(choice_loss, matrix(5, 1), batch);
  const PackedBatch wrong = batch_of({{1, 2}}, {{2}});
  EXPECT_THROW(choice_loss(matrix(2, 1), wrong, wrong.segments.back(), 1.0), std::logic_error);
}

TEST(SpanLoss, IsTheMeanOfTwoSoftmaxesOverARowsTokens) {
  const PackedBatch batch = batch_of({{2}, {3}}, {{0, 1}, {2, 2}});
  const at::Tensor logits =
      at::tensor({0.0F, 0.0F, 1.0F, 0.0F, 7.0F, 0.0F, 7.0F, 0.0F, 7.0F, 2.0F}).view({5, 2});
  const Loss loss = span_loss(logits, batch, batch.segments.back(), 1.0);
  ASSERT_EQ(loss.examples.numel(), 2);
  EXPECT_NEAR(loss.examples[0].item<double>(),
              0.5 * (std::log(1.0 + std::exp(1.0)) + std::log(2.0)), 1e-6);
  EXPECT_NEAR(loss.examples[1].item<double>(),
              0.5 * (std::log(3.0) + std::log(2.0 + std::exp(2.0)) - 2.0), 1e-6);
  expect_gradient(span_loss, matrix(5, 2), batch);
}

TEST(SpanLoss, TargetsOutsideOfTheRowAddNothing) {
  const PackedBatch batch = batch_of({{2}, {2}}, {{2, 1}, {}});
  const at::Tensor logits = matrix(4, 2);
  const Loss loss = span_loss(logits, batch, batch.segments.back(), 1.0);
  EXPECT_GT(loss.examples[0].item<double>(), 0.0);
  EXPECT_EQ(loss.examples[1].item<double>(), 0.0);
  EXPECT_EQ(loss.d_logits.select(1, 0).abs().max().item<double>(), 0.0);
  EXPECT_GT(loss.d_logits.select(1, 1).abs().max().item<double>(), 0.0);
  expect_gradient(span_loss, logits, batch);
}

TEST(LabelLoss, IsTheMeanBinaryCrossEntropyOfTheLabels) {
  const PackedBatch batch = batch_of({{2}, {5}, {1}}, {{1, 0, 0}, {0, 1, 1}, {}});
  const at::Tensor logits =
      at::tensor({1.0F, 2.0F, 0.0F, 0.0F, 0.0F, 0.0F, 3.0F, -3.0F, 1.0F}).view({3, 3});
  const Loss loss = label_loss(logits, batch, batch.segments.back(), 1.0);
  ASSERT_EQ(loss.examples.numel(), 3);
  EXPECT_NEAR(
      loss.examples[0].item<double>(),
      (std::log(1.0 + std::exp(-1.0)) + std::log(1.0 + std::exp(2.0)) + std::log(2.0)) / 3.0, 1e-6);
  EXPECT_NEAR(loss.examples[1].item<double>(), std::log(2.0), 1e-6);
  EXPECT_EQ(loss.examples[2].item<double>(), 0.0) << "it has no targets";
  expect_gradient(label_loss, logits, batch);
  expect_gradient(label_loss, matrix(3, 3), batch);
  const PackedBatch wrong = batch_of({{1}}, {{1, 0}});
  EXPECT_THROW(label_loss(matrix(1, 3), wrong, wrong.segments.back(), 1.0), std::logic_error);
}

TEST(LabelLoss, LargeLogitsStayFinite) {
  const PackedBatch batch = batch_of({{1}}, {{1, 0}});
  const Loss loss =
      label_loss(at::tensor({-1e4F, 1e4F}).view({1, 2}), batch, batch.segments.back(), 1.0);
  EXPECT_NEAR(loss.examples[0].item<double>(), 1e4, 1.0);
  EXPECT_TRUE(at::isfinite(loss.d_logits).all().item<bool>());
}

TEST(TagLoss, IsTheMeanOverTheTaggedTokensOfARow) {
  const PackedBatch batch = batch_of({{3}, {2}, {2}}, {{-1, 0, 2}, {1, -1}, {-1, -1}});
  at::Tensor logits = at::zeros({7, 3});
  logits[2][2] = 2.0;
  const Loss loss = tag_loss(logits, batch, batch.segments.back(), 1.0);
  ASSERT_EQ(loss.examples.numel(), 3);
  EXPECT_NEAR(loss.examples[0].item<double>(),
              0.5 * (std::log(3.0) + std::log(2.0 + std::exp(2.0)) - 2.0), 1e-6);
  EXPECT_NEAR(loss.examples[1].item<double>(), std::log(3.0), 1e-6);
  EXPECT_EQ(loss.examples[2].item<double>(), 0.0);
  EXPECT_EQ(loss.d_logits[0].abs().max().item<double>(), 0.0) << "a token without a tag";
  expect_gradient(tag_loss, matrix(7, 3), batch);
  const PackedBatch wrong = batch_of({{1}}, {{3}});
  EXPECT_THROW(tag_loss(matrix(1, 3), wrong, wrong.segments.back(), 1.0), std::logic_error);
}

TEST(LossSettings, HaveTheGradientsOfTheirLosses) {
  const PackedBatch classes = batch_of({{2}, {5}, {1}}, {{2}, {0}, {1}});
  const PackedBatch labels = batch_of({{2}, {5}, {1}}, {{1, 0, 0}, {0, 1, 1}, {0, 0, 0}});
  const PackedBatch tags = batch_of({{3}, {2}}, {{-1, 0, 2}, {1, 1}});
  expect_gradient(weighted_loss<TaskKind::kClassification, 0>, matrix(3, 3), classes);
  expect_gradient(weighted_loss<TaskKind::kClassification, 1>, matrix(3, 3), classes);
  expect_gradient(weighted_loss<TaskKind::kClassification, 2>, matrix(3, 3), classes);
  expect_gradient(weighted_loss<TaskKind::kClassification, 3>, matrix(3, 3), classes);
  expect_gradient(weighted_loss<TaskKind::kMultiLabel, 0>, matrix(3, 3), labels);
  expect_gradient(weighted_loss<TaskKind::kMultiLabel, 1>, matrix(3, 3), labels);
  expect_gradient(weighted_loss<TaskKind::kMultiLabel, 2>, matrix(3, 3), labels);
  expect_gradient(weighted_loss<TaskKind::kMultiLabel, 3>, matrix(3, 3), labels);
  expect_gradient(weighted_loss<TaskKind::kTagging, 1>, matrix(5, 3), tags);
  expect_gradient(weighted_loss<TaskKind::kTagging, 2>, matrix(5, 3), tags);
  const PackedBatch values = batch_of({{1}, {2}}, {{0.2F}, {1.0F}});
  expect_gradient(weighted_loss<TaskKind::kRegression, 0>, matrix(2, 1), values);
  expect_gradient(weighted_loss<TaskKind::kSpan, 0>, matrix(5, 2),
                  batch_of({{2}, {3}}, {{0, 1}, {2, 2}}));
}

TEST(LossSettings, WeighAndSmooth) {
  const PackedBatch batch = batch_of({{1}, {1}}, {{0}, {1}});
  const at::Tensor logits = at::tensor({0.0F, 0.0F, 1.0F, 3.0F, 0.0F, 0.0F}).view({2, 3});
  const Segment& segment = batch.segments.back();
  const at::Tensor plain = class_loss(logits, batch, segment, 1.0).examples;
  const auto with = [&](LossOf loss) { return loss(logits, batch, segment, 1.0).examples; };
  EXPECT_TRUE(at::allclose(with(weighted_loss<TaskKind::kClassification, 0>), plain * 3.0));
  EXPECT_TRUE(at::allclose(with(weighted_loss<TaskKind::kClassification, 1>),
                           plain * at::tensor({0.5, 2.0}, at::kDouble)));
  // A fifth of the target is spread over the three classes.
  const at::Tensor log_p = at::log_softmax(logits.to(at::kDouble), 1);
  const at::Tensor chosen = at::tensor({0L, 1L}).unsqueeze(1);
  const at::Tensor smooth = -log_p.gather(1, chosen).squeeze(1) * 0.8 - log_p.mean(1) * 0.2;
  EXPECT_TRUE(at::allclose(with(weighted_loss<TaskKind::kClassification, 2>), smooth));
}

TEST(LossSettings, ClassesAreThoseOfTheLayout) {
  LossLayout layout{.function = LossFunction::kBinaryCrossEntropy,
                    .num_logits = 4,
                    .values = {1, 0, 1, 1},
                    .weights = {0.5, 0.5, 0.5, 0.5},
                    .classes = {1, 1, 2, 2}};
  apply_settings({.weight = 2.0, .class_weights = {7.0, 3.0, 0.25}}, layout);
  EXPECT_EQ(layout.weights, (std::vector<double>{3.0, 3.0, 0.25, 0.25}));
  layout.classes = {0, 1, 2, 3};
  EXPECT_THROW(apply_settings({.class_weights = {1.0, 1.0, 1.0}}, layout), std::out_of_range);
}

TEST(CrossEntropy, ExamplesMayHaveSeveralGroups) {
  LossLayout layout{.num_logits = 6};
  layout.groups = {{0, 2, 1, 0, 1.0}, {2, 2, 1, 1, 2.0}, {4, 2, 1, 0, 1.0}};
  layout.example_groups = {0, 2, 2, 3};
  Upload upload(at::kCPU, 0);
  const at::Tensor logits = at::tensor({1.0F, 0.0F, 0.0F, 2.0F, 0.0F, 0.0F}).view({3, 2});
  const Loss loss = compute_loss(logits, upload_layout(layout, upload), 1.0);
  ASSERT_EQ(loss.examples.numel(), 3);
  EXPECT_NEAR(loss.examples[0].item<double>(),
              std::log(1.0 + std::exp(-1.0)) + 2.0 * std::log(1.0 + std::exp(-2.0)), 1e-6);
  EXPECT_EQ(loss.examples[1].item<double>(), 0.0);
  EXPECT_NEAR(loss.examples[2].item<double>(), std::log(2.0), 1e-6);
}

/// The losses of a kind of task that has a teacher, as a head lays them out.
template <TaskKind kKind>
Loss taught_loss(const at::Tensor& logits, const PackedBatch& batch, const Segment& segment,
                 double scale) {
  Upload upload(at::kCPU, 0);
  LossLayout layout = kind_of(kKind).loss_layout(batch, segment, logits.size(1));
  apply_settings({.weight = 0.5, .label_smoothing = 0.0}, layout);
  if (batch.teacher_weight > 0.0) kind_of(kKind).add_teacher(batch, segment, layout);
  return compute_loss(logits, upload_layout(layout, upload), scale);
}

/// batch_of() with a teacher's logits for each row, `width` of them.
PackedBatch taught_batch(const std::vector<std::vector<int64_t>>& examples,
                         const std::vector<std::vector<float>>& targets, int64_t width,
                         double weight) {
  PackedBatch batch;
  const PackedBatch plain = batch_of(examples, targets);
  const std::vector<int32_t> ids(16);
  for (int row = 0; row < 2; ++row) batch.append(0, row, ids.data(), ids.data(), 3);
  float next = -1.0F;
  for (size_t i = 0; i < examples.size(); ++i) {
    batch.append(1, 0, ids.data(), ids.data(), examples[i].front(), targets[i]);
    for (size_t row = 1; row < examples[i].size(); ++row) {
      batch.append_choice(0, ids.data(), ids.data(), examples[i][row]);
    }
    std::vector<float> logits(examples[i].size() * static_cast<size_t>(width));
    for (float& logit : logits) logit = next = next > 1.5F ? -1.25F : next + 0.5F;
    batch.teach(logits);
  }
  batch.teacher_weight = weight;
  EXPECT_EQ(batch.token_ids, plain.token_ids);
  return batch;
}

struct TaughtCase {
  LossOf loss;
  std::vector<std::vector<int64_t>> examples;
  std::vector<std::vector<float>> targets;
  int64_t width;
};

const std::vector<TaughtCase> kTaught = {
    {taught_loss<TaskKind::kClassification>, {{2}, {5}, {1}}, {{2}, {0}, {1}}, 3},
    {taught_loss<TaskKind::kRegression>, {{2}, {1}}, {{0.25F}, {1.5F}}, 1},
    {taught_loss<TaskKind::kMultiLabel>, {{2}, {5}}, {{1, 0, 0}, {0, 1, 1}}, 3},
    {taught_loss<TaskKind::kMultipleChoice>, {{1, 2}, {3, 1, 1}}, {{0}, {2}}, 1}};

TEST(Teacher, ALossIsAMixtureOfTwoThatFollowsItsWeight) {
  EXPECT_EQ(kinds_with_teacher().size(), kTaught.size());
  for (const TaughtCase& one : kTaught) {
    int64_t rows = 0;
    for (const auto& example : one.examples) rows += std::ssize(example);
    const at::Tensor logits = matrix(rows, one.width);
    const auto with = [&](double weight) {
      const PackedBatch batch = taught_batch(one.examples, one.targets, one.width, weight);
      return one.loss(logits, batch, batch.segments.back(), 1.0);
    };
    const Loss label = with(0.0), teacher = with(1.0), mixed = with(0.3);
    EXPECT_FALSE(at::allclose(label.examples, teacher.examples));
    EXPECT_TRUE(at::allclose(mixed.examples, label.examples * 0.7 + teacher.examples * 0.3));
    EXPECT_TRUE(
        at::allclose(mixed.d_logits, label.d_logits * 0.7 + teacher.d_logits * 0.3, 1e-4, 1e-6));
    for (const double weight : {1.0, 0.3}) {
      expect_gradient(one.loss, logits, taught_batch(one.examples, one.targets, one.width, weight));
    }
  }
}

TEST(Teacher, WithoutWeightAllBitsAreThoseOfTheTargetsAlone) {
  for (const TaughtCase& one : kTaught) {
    const PackedBatch plain = batch_of(one.examples, one.targets);
    const PackedBatch batch = taught_batch(one.examples, one.targets, one.width, 0.0);
    const at::Tensor logits = matrix(batch.segments.back().last_row - 2, one.width);
    const Loss want = one.loss(logits, plain, plain.segments.back(), 0.5);
    const Loss got = one.loss(logits, batch, batch.segments.back(), 0.5);
    EXPECT_TRUE(at::equal(want.examples, got.examples));
    EXPECT_TRUE(at::equal(want.d_logits, got.d_logits));
  }
}

TEST(Teacher, IsLearnedFromWhereItsDistributionIsMet) {
  // A teacher's own logits have no gradient, and its entropy is the loss.
  const PackedBatch batch = taught_batch({{2}, {5}}, {{2}, {0}}, 3, 1.0);
  at::Tensor logits = at::zeros({2, 3});
  for (int64_t e = 0; e < 2; ++e) {
    for (int64_t k = 0; k < 3; ++k) {
      logits[e][k] = batch.taught_of(e + 2)[static_cast<size_t>(k)];
    }
  }
  const Loss loss =
      taught_loss<TaskKind::kClassification>(logits, batch, batch.segments.back(), 1.0);
  EXPECT_LT(loss.d_logits.abs().max().item<double>(), 1e-7);
  const at::Tensor log_p = at::log_softmax(logits.to(at::kDouble), 1);
  EXPECT_TRUE(at::allclose(loss.examples, -(log_p.exp() * log_p).sum(1) * 0.5));
}

TEST(Teacher, LogitsThatDoNotFitAreAnInternalError) {
  PackedBatch batch = taught_batch({{2}, {5}}, {{2}, {0}}, 2, 0.5);
  EXPECT_THROW(
      taught_loss<TaskKind::kClassification>(matrix(2, 3), batch, batch.segments.back(), 1.0),
      std::logic_error);
  batch = taught_batch({{2}, {5}}, {{1, 0, 0}, {0, 1, 1}}, 2, 0.5);
  EXPECT_THROW(taught_loss<TaskKind::kMultiLabel>(matrix(2, 3), batch, batch.segments.back(), 1.0),
               std::logic_error);
}

}  // namespace
}  // namespace pals

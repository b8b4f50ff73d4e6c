#include "heads/classifier.h"

#include <gtest/gtest.h>

#include <cmath>

namespace pals {
namespace {

at::Tensor matrix(int64_t rows, int64_t columns, double step = 0.7) {
  return at::sin(at::arange(rows * columns, at::kFloat) * step).mul_(2.0).view({rows, columns});
}

double sum(const std::vector<double>& values) {
  double total = 0.0;
  for (const double value : values) total += value;
  return total;
}

// Gradient of the summed loss by central differences, against d_logits / scale.
template <typename LossOf>
void expect_gradient(const at::Tensor& logits, const LossOf& loss_of, double scale) {
  const at::Tensor gradient = loss_of(logits).d_logits;
  ASSERT_EQ(gradient.sizes(), logits.sizes());
  for (int64_t i = 0; i < logits.numel(); ++i) {
    constexpr double kStep = 1e-2;
    at::Tensor up = logits.clone(), down = logits.clone();
    up.view(-1)[i] += kStep;
    down.view(-1)[i] -= kStep;
    const double slope = (sum(loss_of(up).rows) - sum(loss_of(down).rows)) / (2.0 * kStep);
    EXPECT_NEAR(gradient.view(-1)[i].item<double>(), scale * slope, 1e-4 * scale) << i;
  }
}

TEST(CrossEntropy, ValuesAreMinusLogSoftmax) {
  const at::Tensor logits = at::tensor({1.0F, 2.0F, 4.0F, 0.0F, 0.0F, 0.0F}).view({2, 3});
  const std::vector<int32_t> labels = {2, 0};
  const Loss loss = cross_entropy(logits, labels.data(), 1.0);
  ASSERT_EQ(loss.rows.size(), 2U);
  EXPECT_NEAR(loss.rows[0], std::log(std::exp(1.0) + std::exp(2.0) + std::exp(4.0)) - 4.0, 1e-6);
  EXPECT_NEAR(loss.rows[1], std::log(3.0), 1e-6);
}

TEST(CrossEntropy, GradientIsThatOfTheSumTimesScale) {
  const std::vector<int32_t> labels = {0, 2, 1, 2};
  for (const double scale : {1.0, 0.125}) {
    expect_gradient(
        matrix(4, 3), [&](const at::Tensor& x) { return cross_entropy(x, labels.data(), scale); },
        scale);
  }
}

TEST(CrossEntropy, LargeLogitsStayFinite) {
  const at::Tensor logits = at::tensor({1e4F, -1e4F}).view({1, 2});
  const std::vector<int32_t> labels = {1};
  const Loss loss = cross_entropy(logits, labels.data(), 1.0);
  EXPECT_NEAR(loss.rows[0], 2e4, 1.0);
  EXPECT_TRUE(at::isfinite(loss.d_logits).all().item<bool>());
}

TEST(CrossEntropy, LabelsOutsideTheClassesAreRefused) {
  for (const int32_t label : {-1, 3}) {
    EXPECT_THROW(cross_entropy(matrix(1, 3), &label, 1.0), c10::Error) << label;
  }
}

TEST(SquaredError, ValuesAndGradient) {
  const at::Tensor logits = matrix(5, 1);
  const std::vector<float> values = {0.0F, 0.2F, 0.4F, 1.0F, -3.0F};
  const Loss loss = squared_error(logits, values.data(), 1.0);
  for (size_t i = 0; i < values.size(); ++i) {
    const double difference =
        logits[static_cast<int64_t>(i)][0].item<double>() - static_cast<double>(values[i]);
    EXPECT_NEAR(loss.rows[i], difference * difference, 1e-9) << i;
  }
  for (const double scale : {1.0, 0.2}) {
    expect_gradient(
        logits, [&](const at::Tensor& x) { return squared_error(x, values.data(), scale); }, scale);
  }
}

class ClassifierTest : public testing::Test {
 protected:
  ClassifierTest() : head_(table_, "tasks.4.", 8, 3, false, 4) {
    table_.lay_out();
    arena_ = std::make_unique<ParameterArena>(table_, at::kFloat);
    arena_->initialize(0.5, 9);
    arena_->weight(bias_id()).copy_(at::tensor({0.1F, -0.2F, 0.3F}));
    arena_->prepare_training();
    keys_ = at::tensor({11, 22, 33, 44}, at::kInt);
  }

  ParameterId weight_id() const { return table_.find("tasks.4.classifier.weight"); }
  ParameterId bias_id() const { return table_.find("tasks.4.classifier.bias"); }

  Pass pass(Tape* tape, float dropout) const {
    return {*arena_, at::kFloat, {}, {dropout, dropout, 5, 6}, tape};
  }

  ParameterTable table_;
  Classifier head_;
  std::unique_ptr<ParameterArena> arena_;
  at::Tensor keys_, pooled_ = matrix(4, 8);
};

TEST_F(ClassifierTest, IsDenseWithoutDropout) {
  EXPECT_EQ(head_.num_outputs(), 3);
  EXPECT_FALSE(head_.regression());
  const at::Tensor expected =
      at::mm(pooled_, arena_->weight(weight_id()).t()) + arena_->weight(bias_id());
  EXPECT_TRUE(at::allclose(head_.forward(pass(nullptr, 0.0F), pooled_, {}), expected, 1e-6, 1e-6));
}

TEST_F(ClassifierTest, DropoutIsKeyedByRowAndLeavesItsInputAlone) {
  const at::Tensor before = pooled_.clone();
  const at::Tensor all = head_.forward(pass(nullptr, 0.5F), pooled_, keys_);
  EXPECT_TRUE(at::equal(pooled_, before));
  EXPECT_FALSE(at::allclose(all, head_.forward(pass(nullptr, 0.0F), pooled_, keys_)));
  const at::Tensor last =
      head_.forward(pass(nullptr, 0.5F), pooled_.narrow(0, 3, 1), keys_.narrow(0, 3, 1));
  EXPECT_TRUE(at::allclose(all.narrow(0, 3, 1), last, 1e-6, 1e-6));
}

TEST_F(ClassifierTest, GradientsMatchFiniteDifferences) {
  const at::Tensor d_logits = matrix(4, 3, 1.3);
  const auto value = [&] {  // linear in each parameter, so that a wide step is exact
    return (head_.forward(pass(nullptr, 0.5F), pooled_, keys_) * d_logits).sum().item<double>();
  };
  Tape tape;
  head_.forward(pass(&tape, 0.5F), pooled_, keys_);
  const at::Tensor d_pooled = head_.backward(pass(&tape, 0.5F), d_logits, keys_);
  EXPECT_TRUE(tape.empty());
  const auto check = [&](const at::Tensor& variable, const at::Tensor& gradient) {
    for (int64_t i = 0; i < variable.numel(); ++i) {
      const at::Tensor element = variable.view(-1)[i];
      element.add_(0.5);
      const double up = value();
      element.sub_(1.0);
      const double down = value();
      element.add_(0.5);
      EXPECT_NEAR(gradient.view(-1)[i].item<double>(), up - down, 1e-4) << i;
    }
  };
  check(arena_->weight(weight_id()), arena_->gradient(weight_id()));
  check(arena_->weight(bias_id()), arena_->gradient(bias_id()));
  check(pooled_, d_pooled);
}

}  // namespace
}  // namespace pals

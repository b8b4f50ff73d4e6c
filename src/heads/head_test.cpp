#include "heads/head.h"

#include <gtest/gtest.h>

namespace pals {
namespace {

at::Tensor matrix(int64_t rows, int64_t columns, double step = 0.7) {
  return at::sin(at::arange(rows * columns, at::kFloat) * step).mul_(2.0).view({rows, columns});
}

class HeadTest : public testing::Test {
 protected:
  HeadTest() : head_(table_, "tasks.4.", 8, {TaskKind::kClassification, 3}, 4) {
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
  Head head_;
  std::unique_ptr<ParameterArena> arena_;
  at::Tensor keys_, pooled_ = matrix(4, 8);
};

TEST_F(HeadTest, IsDenseWithoutDropout) {
  EXPECT_EQ(head_.num_outputs(), 3);
  const at::Tensor expected =
      at::mm(pooled_, arena_->weight(weight_id()).t()) + arena_->weight(bias_id());
  EXPECT_TRUE(at::allclose(head_.forward(pass(nullptr, 0.0F), pooled_, {}), expected, 1e-6, 1e-6));
}

TEST_F(HeadTest, DropoutIsKeyedByRowAndLeavesItsInputAlone) {
  const at::Tensor before = pooled_.clone();
  const at::Tensor all = head_.forward(pass(nullptr, 0.5F), pooled_, keys_);
  EXPECT_TRUE(at::equal(pooled_, before));
  EXPECT_FALSE(at::allclose(all, head_.forward(pass(nullptr, 0.0F), pooled_, keys_)));
  const at::Tensor last =
      head_.forward(pass(nullptr, 0.5F), pooled_.narrow(0, 3, 1), keys_.narrow(0, 3, 1));
  EXPECT_TRUE(at::allclose(all.narrow(0, 3, 1), last, 1e-6, 1e-6));
}

TEST_F(HeadTest, GradientsMatchFiniteDifferences) {
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

TEST(SpanHead, ReadsTokensWithoutDropout) {
  ParameterTable table;
  const Head head(table, "tasks.0.", 8, {TaskKind::kSpan, 2}, 0);
  EXPECT_TRUE(head.reads_tokens());
  table.lay_out();
  ParameterArena arena(table, at::kFloat);
  arena.initialize(0.5, 3);
  const at::Tensor tokens = matrix(6, 8);
  const Pass pass{arena, at::kFloat, {}, {0.5F, 0.5F, 5, 6}, nullptr};
  const at::Tensor weight = arena.weight(table.find("tasks.0.qa_outputs.weight"));
  EXPECT_TRUE(at::allclose(head.forward(pass, tokens, {}), at::mm(tokens, weight.t()), 1e-6, 1e-6));
}

}  // namespace
}  // namespace pals

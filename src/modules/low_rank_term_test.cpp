#include "modules/low_rank_term.h"

#include <gtest/gtest.h>

#include "modules/linear.h"

namespace pals {
namespace {

constexpr int64_t kIn = 10, kOut = 6, kRank = 3, kRows = 7;
constexpr double kScale = 1.5;

// A layer of two parts; the second carries the term of task 0.
class LowRankTermTest : public ::testing::TestWithParam<at::ScalarType> {
 protected:
  LowRankTermTest() : layer_(table_, "layer.", {"a", "b"}, kIn, kOut) {
    terms_.emplace(table_.find("layer.b.weight"),
                   LowRankTerm(table_, "tasks.0.", {kIn, kOut}, kRank, kScale, 0));
    table_.lay_out();
    arena_ = std::make_unique<ParameterArena>(table_, GetParam());
    arena_->prepare_training();
    arena_->weights().copy_(at::sin(at::arange(table_.total(), at::kFloat) * 0.7) * 0.5);
    arena_->refresh_shadow();
    rows_.token_keys = at::zeros({kRows}, at::kInt);
    segments_ = {{{}, &terms_, nullptr}};
    x_ = at::cos(at::arange(kRows * kIn, at::kFloat)).view({kRows, kIn}).to(GetParam());
  }

  Pass pass() const {
    Pass pass{*arena_, GetParam(), rows_, {}, nullptr};
    pass.terms = &segments_;
    return pass;
  }
  at::Tensor weight(const char* name) const {
    return arena_->weight(arena_->table().find(name)).to(at::kDouble);
  }
  // The weight of the second part as a whole.
  at::Tensor whole() const {
    return weight("layer.b.weight") +
           at::mm(weight("tasks.0.lora_B.weight"), weight("tasks.0.lora_A.weight")) * kScale;
  }
  double tolerance() const { return GetParam() == at::kFloat ? 1e-5 : 6e-2; }
  void expect_near(const at::Tensor& actual, const at::Tensor& expected) const {
    EXPECT_LT((actual.to(at::kDouble) - expected).abs().max().item<double>(), tolerance());
  }

  ParameterTable table_;
  Linear layer_;
  LowRankTerms terms_;
  std::unique_ptr<ParameterArena> arena_;
  PassRows rows_;
  std::vector<SegmentTerms> segments_;
  at::Tensor x_;
};

INSTANTIATE_TEST_SUITE_P(Types, LowRankTermTest, ::testing::Values(at::kFloat, at::kBFloat16));

TEST_P(LowRankTermTest, IsAddedToItsPartOfTheProduct) {
  const at::Tensor y = layer_.product(pass(), x_), x = x_.to(at::kDouble);
  expect_near(y.narrow(1, 0, kOut), at::mm(x, weight("layer.a.weight").t()));
  expect_near(y.narrow(1, kOut, kOut), at::mm(x, whole().t()));
  expect_near(layer_.parts(1, 1).product(pass(), x_), at::mm(x, whole().t()));
  // A layer without a term, and a pass without terms.
  EXPECT_FALSE(has_terms(pass(), table_.find("layer.a.weight"), 1));
  Pass plain = pass();
  plain.terms = nullptr;
  expect_near(layer_.parts(1, 1).product(plain, x_), at::mm(x, weight("layer.b.weight").t()));
}

TEST_P(LowRankTermTest, HasTheGradientsOfItsFormula) {
  const at::Tensor dy = at::sin(at::arange(kRows * 2 * kOut, at::kFloat) * 0.3)
                            .view({kRows, 2 * kOut})
                            .to(GetParam());
  const at::Tensor x = x_.to(at::kDouble), d = dy.narrow(1, kOut, kOut).to(at::kDouble);
  const at::Tensor a = weight("tasks.0.lora_A.weight"), b = weight("tasks.0.lora_B.weight");
  layer_.backward_weight(pass(), dy, x_);
  const auto gradient = [&](const char* name) {
    return arena_->gradient(arena_->table().find(name));
  };
  expect_near(gradient("tasks.0.lora_B.weight"), at::mm(d.t(), at::mm(x, a.t())) * kScale);
  expect_near(gradient("tasks.0.lora_A.weight"), at::mm(at::mm(d, b).t(), x) * kScale);
  const at::Tensor dx =
      at::mm(dy.narrow(1, 0, kOut).to(at::kDouble), weight("layer.a.weight")) + at::mm(d, whole());
  expect_near(layer_.backward_input(pass(), dy), dx);
  at::Tensor sum = at::ones({kRows, kIn}, GetParam());
  layer_.backward_input_add(pass(), dy, sum);
  expect_near(sum, dx + 1.0);
}

TEST_P(LowRankTermTest, FoldsIntoTheWeight) {
  const at::Tensor expected = whole();
  at::Tensor folded = arena_->weight(table_.find("layer.b.weight"));
  terms_.begin()->second.fold(*arena_, folded);
  EXPECT_LT((folded.to(at::kDouble) - expected).abs().max().item<double>(), 1e-6);
}

// What a frozen layer's backward pass need not keep it keeps for a term.
TEST_P(LowRankTermTest, KeepsWhatItReads) {
  table_.freeze_shared();
  ParameterArena frozen(table_, GetParam());
  Pass with{frozen, GetParam(), rows_, {}, nullptr};
  EXPECT_FALSE(layer_.kept(with, x_).defined());
  with.terms = &segments_;
  EXPECT_TRUE(layer_.kept(with, x_).defined());
}

TEST(LowRankTermStart, IsNothing) {
  ParameterTable table;
  const LowRankTerm term(table, "tasks.0.", {kIn, kOut}, kRank, kScale, 0);
  table.lay_out();
  ParameterArena arena(table, at::kFloat);
  arena.initialize(0.02, 5);
  const at::Tensor a = arena.weight(table.find("tasks.0.lora_A.weight"));
  EXPECT_EQ(arena.weight(table.find("tasks.0.lora_B.weight")).abs().max().item<float>(), 0.0F);
  const double bound = 1.0 / std::sqrt(static_cast<double>(kIn));
  EXPECT_LE(a.abs().max().item<double>(), bound);
  EXPECT_GT(a.abs().max().item<double>(), bound / 2);
  EXPECT_LT(a.min().item<double>(), 0.0);
}

}  // namespace
}  // namespace pals

#include "modules/product.h"

#include <gtest/gtest.h>

namespace pals {
namespace {

// On the engine of this machine (kernels/panels_test.cpp has the panels of each instruction set).
class Products : public ::testing::TestWithParam<at::ScalarType> {
 protected:
  static at::Tensor random(at::IntArrayRef shape) {
    return at::randn(shape, at::kFloat).to(GetParam());
  }
  // Entries are sums of up to 204 products of normal numbers.
  static void expect_near(const at::Tensor& found, const at::Tensor& expected) {
    const double tolerance = GetParam() == at::kFloat ? 1e-4 : 0.3;
    ASSERT_EQ(found.sizes(), expected.sizes());
    EXPECT_EQ(found.scalar_type(), GetParam());
    EXPECT_LT((found.to(at::kDouble) - expected).abs().max().item<double>(), tolerance);
  }
  void SetUp() override {
    if (GetParam() == at::kBFloat16 && !PackedWeights::supported(at::kBFloat16)) {
      GTEST_SKIP() << "no bf16 products";
    }
  }
};

TEST_P(Products, AreThoseOfDoubles) {
  for (const int64_t rows : {0, 1, 130}) {
    const at::Tensor x = random({rows, 204}), weight = random({102, 204}), bias = random({102});
    const at::Tensor dy = random({rows, 102});
    const at::Tensor x64 = x.to(at::kDouble), weight64 = weight.to(at::kDouble);
    if (rows == 0) {
      EXPECT_EQ(times_transposed(x, weight, {}).sizes(), dy.sizes());
      EXPECT_EQ(times(dy, weight).sizes(), x.sizes());
      continue;
    }
    expect_near(times_transposed(x, weight, {}), at::mm(x64, weight64.t()));
    expect_near(times_transposed(x, weight, bias), at::mm(x64, weight64.t()) + bias);
    const at::Tensor dx = at::mm(dy.to(at::kDouble), weight64);
    expect_near(times(dy, weight), dx);
    at::Tensor sum = x.clone();
    add_times(sum, dy, weight);
    expect_near(sum, x64 + dx);
    const at::Tensor before = at::randn({102, 204});
    at::Tensor gradient = before.clone();
    add_transposed_times(gradient, dy, x);
    const at::Tensor difference =
        gradient.to(at::kDouble) - before - at::mm(dy.to(at::kDouble).t(), x64);
    EXPECT_LT(difference.abs().max().item<double>(), GetParam() == at::kFloat ? 1e-4 : 0.3);
  }
}

TEST_P(Products, OfPackedWeightsAreThoseOfPlainOnes) {
  if (!PackedWeights::supported(GetParam())) GTEST_SKIP() << "no packed products";
  PackedWeights packed;
  const at::Tensor weights = random({3 * 34, 17}), bias = random({3 * 34});
  for (const int64_t rows : {1, 5, 200}) {
    const at::Tensor wide = random({rows, 40}), x = wide.narrow(1, 8, 17);  // rows of any stride
    for (const int64_t outputs : {34, 102}) {  // a part, and all, of the same parameters
      const at::Tensor weight = weights.narrow(0, 0, outputs), part = bias.narrow(0, 0, outputs);
      const at::Tensor expected = at::mm(x.to(at::kDouble), weight.to(at::kDouble).t());
      expect_near(packed.product(0, weight, x, {}), expected);
      expect_near(packed.product(0, weight, x, part), expected + part);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, Products, ::testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& info) { return std::string(c10::toString(info.param)); });

}  // namespace
}  // namespace pals

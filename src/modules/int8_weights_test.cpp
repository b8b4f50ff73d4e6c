// Products in int8 against those in fp32.
#include "modules/int8_weights.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "kernels/kernel_test.h"
#include "modules/precision_choice.h"

namespace pals {
namespace {

using testing::random;

class Int8WeightsTest : public ::testing::TestWithParam<at::ScalarType> {
 protected:
  void SetUp() override {
    if (!Int8Weights::supported()) GTEST_SKIP() << "this processor has no VNNI";
  }
};
INSTANTIATE_TEST_SUITE_P(Types, Int8WeightsTest, ::testing::Values(at::kFloat, at::kBFloat16));

TEST_P(Int8WeightsTest, IsCloseToTheProductInFp32) {
  Int8Weights weights;
  ParameterId id = 0;
  for (const auto& [m, k, n] : {std::tuple<int64_t, int64_t, int64_t>{1, 12, 12},
                                {33, 204, 612},
                                {300, 768, 3072},
                                {7, 64, 1}}) {
    at::Tensor x = random({m, k}, 1).to(GetParam());
    x[0].mul_(1000);  // a row's size does not spoil the others
    const at::Tensor w = random({n, k}, 2), bias = random({n}, 3);
    for (const at::Tensor& added : {at::Tensor(), bias}) {
      const at::Tensor y = weights.product(id, w, x, added);
      ASSERT_EQ(y.scalar_type(), GetParam());
      at::Tensor expected = at::mm(x.to(at::kFloat), w.t());
      // Rounding to 1/254 of the largest on both sides, errors adding up as noise.
      const at::Tensor bound = 0.02 * expected.abs().amax(1, true) + 0.01 * x.norm(2, 1, true);
      if (added.defined()) expected = expected + added;
      EXPECT_TRUE(((y.to(at::kFloat) - expected).abs() <= bound).all().item<bool>())
          << m << " x " << k << " x " << n;
    }
    ++id;
  }
}

TEST_P(Int8WeightsTest, NumbersThatFitAreExact) {
  // Weights and activations that are whole multiples of their scales.
  const at::Tensor w = at::tensor({127, -3, 0, 5, 127, 1}, at::kFloat).view({2, 3});
  const at::Tensor x = at::tensor({127, 2, -7, 0, 0, 0}, at::kFloat).view({2, 3});
  Int8Weights weights;
  const at::Tensor y = weights.product(0, w, x.to(GetParam()), {});
  EXPECT_TRUE(at::equal(y, at::mm(x, w.t()).to(GetParam())));
}

TEST(Precision, NamesAreReadBack) {
  using Choice = PrecisionChoice;
  for (const Choice choice : {Choice::kFloat, Choice::kBFloat16}) {
    EXPECT_STREQ(precision_name(choose_precision(choice, at::kCPU)), name_of(choice));
  }
  EXPECT_FALSE(choose_precision(Choice::kAuto, at::kCPU).int8);
  if (Int8Weights::supported()) {
    EXPECT_STREQ(precision_name(choose_precision(Choice::kInt8, at::kCPU)), "int8");
  } else {
    EXPECT_THROW(choose_precision(Choice::kInt8, at::kCPU), UsageError);
  }
}

}  // namespace
}  // namespace pals

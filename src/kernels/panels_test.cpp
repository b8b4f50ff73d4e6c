#include "kernels/panels.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "kernels/kernel_test.h"

namespace pals::cpu {
namespace {

using testing::random;
using testing::strided;

// Every instruction set that has such products, with each type of elements.
class Panels : public ::testing::TestWithParam<std::tuple<std::string, at::ScalarType>> {
 protected:
  static at::ScalarType type() { return std::get<1>(GetParam()); }
  static at::Tensor matrix(int64_t rows, int64_t columns, uint64_t seed) {
    return random({rows, columns}, seed).to(type());
  }
  void SetUp() override {
    set_isa(std::get<0>(GetParam()));
    const isa::PanelKernels& panels =
        type() == at::kFloat ? kernels().fp32_panels : kernels().bf16_panels;
    if (!panels) GTEST_SKIP() << "no such products";
  }
  void TearDown() override { set_isa(available_isas().front()); }

  // Sums of K products of normal numbers grow with K's root; bf16 results are rounded to 2^-9.
  static void expect_product(const at::Tensor& found, const at::Tensor& a, const at::Tensor& b,
                             const at::Tensor& added, const std::string& what) {
    const at::Tensor expected = at::mm(a.to(at::kDouble), b.to(at::kDouble).t()) + added;
    const double size = std::sqrt(static_cast<double>(a.size(1))) * 6.0;
    const double tolerance = found.scalar_type() == at::kFloat ? 2e-6 : 4e-3;
    ASSERT_LE((found.to(at::kDouble) - expected).abs().max().item<double>(), tolerance * size)
        << what;
  }
};

TEST_P(Panels, AreThoseOfDoublesForAllShapesAndStrides) {
  struct Shape {
    int64_t rows, columns, depth;
  };
  // Around the panels' sizes (14 and 32, AVX2: 6 and 16), single rows, columns and depths, and
  // depths beyond what is multiplied at once.
  for (const auto& [rows, columns, depth] : std::vector<Shape>{{1, 1, 1},
                                                               {1, 33, 7},
                                                               {5, 2, 8},
                                                               {13, 31, 17},
                                                               {14, 32, 16},
                                                               {15, 48, 34},
                                                               {29, 65, 1},
                                                               {43, 204, 102},
                                                               {3, 17, 2100},
                                                               {40, 40, 1027}}) {
    const std::string what =
        std::to_string(rows) + " x " + std::to_string(columns) + " x " + std::to_string(depth);
    const at::Tensor bias = random({columns}, 3), before = matrix(rows, columns, 4);
    for (const bool left_transposed : {false, true}) {
      const at::Tensor a =
          left_transposed ? strided(matrix(depth, rows, 1)).t() : strided(matrix(rows, depth, 1));
      for (const bool right_transposed : {false, true}) {
        const at::Tensor b = right_transposed ? strided(matrix(depth, columns, 2)).t()
                                              : strided(matrix(columns, depth, 2));
        for (const at::ScalarType result : {type(), at::kFloat}) {
          at::Tensor c = strided(before.to(result));
          multiply_panels(a, b, c, bias, false);
          expect_product(c, a, b, bias, what);
          c.copy_(before);
          multiply_panels(a, pack_right(b), c, {}, true);
          expect_product(c, a, b, before, what + ", added");
        }
      }
    }
  }
}

TEST_P(Panels, WriteNothingBesideTheResult) {
  at::Tensor around = at::full({9, 50}, 5.0, type());
  at::Tensor c = around.narrow(0, 1, 7).narrow(1, 4, 37);
  multiply_panels(matrix(7, 20, 1), matrix(37, 20, 2), c, {}, false);
  c.fill_(5.0);
  EXPECT_TRUE(around.eq(5.0).all().item<bool>());
}

TEST_P(Panels, AreTheSameForAnyNumberOfThreads) {
  const at::Tensor a = matrix(203, 300, 1), b = matrix(500, 300, 2);
  at::Tensor c = at::empty({203, 500}, type()), other = at::empty_like(c);
  multiply_panels(a, b, c, {}, false);
  const int threads = at::get_num_threads();
  at::set_num_threads(threads == 1 ? 2 : 1);
  multiply_panels(a, b, other, {}, false);
  at::set_num_threads(threads);
  EXPECT_TRUE(c.equal(other));
}

TEST_P(Panels, OfARowDoNotDependOnTheOthers) {
  const at::Tensor a = matrix(40, 70, 1), b = matrix(50, 70, 2);
  at::Tensor all = at::empty({40, 50}, type()), one = at::empty({1, 50}, type());
  multiply_panels(a, b, all, {}, false);
  for (const int64_t row : {0, 13, 39}) {
    multiply_panels(a.narrow(0, row, 1), b, one, {}, false);
    EXPECT_TRUE(one[0].equal(all[row])) << row;
  }
}

TEST_P(Panels, OfNothingAreNothing) {
  at::Tensor c = at::empty({0, 5}, type());
  multiply_panels(at::empty({0, 3}, type()), matrix(5, 3, 1), c, {}, false);
  EXPECT_EQ(c.numel(), 0);
}

TEST_P(Panels, OfNoDepthsAreZeros) {
  const at::Tensor bias = random({5}, 1), a = at::empty({20, 0}, type());
  at::Tensor c = at::empty({20, 5});
  multiply_panels(a, at::empty({5, 0}, type()), c, bias, false);
  EXPECT_TRUE(c.equal(bias.expand({20, 5})));
  multiply_panels(a, at::empty({0, 5}, type()).t(), c, {}, true);
  EXPECT_TRUE(c.equal(bias.expand({20, 5})));
}

TEST_P(Panels, HandOnWhatIsNotANumber) {
  at::Tensor a = matrix(3, 9, 1), c = at::empty({3, 4}, type());
  a[1][2] = std::numeric_limits<float>::quiet_NaN();
  multiply_panels(a, matrix(4, 9, 2), c, {}, false);
  EXPECT_TRUE(c[1].isnan().all().item<bool>());
  EXPECT_FALSE(c[0].isnan().any().item<bool>() || c[2].isnan().any().item<bool>());
}

// Products of bytes against those of whole numbers in doubles: exact but for the scales.
class BytePanelsTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    set_isa(GetParam());
    if (!kernels().byte_panels) GTEST_SKIP() << "no such products";
  }
  void TearDown() override { set_isa(available_isas().front()); }
  static at::Tensor bytes(int64_t rows, int64_t columns, uint64_t seed, at::ScalarType type) {
    const at::Tensor numbers = at::round(random({rows, columns}, seed) * 60).clamp(-127, 127);
    return (type == at::kByte ? numbers + kByteZero : numbers).to(type);
  }
};

TEST_P(BytePanelsTest, AreExactForAllShapes) {
  for (const auto& [rows, columns, depth] : {std::tuple<int64_t, int64_t, int64_t>{1, 1, 1},
                                             {1, 33, 7},
                                             {13, 31, 17},
                                             {14, 32, 64},
                                             {15, 48, 34},
                                             {29, 65, 3},
                                             {43, 204, 102},
                                             {3, 17, 8200}}) {
    const at::Tensor a = bytes(rows, depth, 1, at::kByte), b = bytes(columns, depth, 2, at::kChar);
    const at::Tensor scales = random({rows}, 3).abs(), output_scales = random({columns}, 4).abs();
    const at::Tensor sums =
        at::mm(a.to(at::kDouble) - kByteZero, b.to(at::kDouble).t()) * output_scales;
    for (const at::Tensor& bias : {at::Tensor(), random({columns}, 5)}) {
      at::Tensor expected = sums * scales.unsqueeze(1);
      const at::Tensor bound = expected.abs();
      if (bias.defined()) expected = expected + bias;
      for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
        at::Tensor c = strided(at::zeros({rows, columns}, type));
        multiply_panels(a, scales, pack_right(b, output_scales), c, bias);
        const double precision = type == at::kFloat ? 4e-7 : 4e-3;
        EXPECT_TRUE(((c.to(at::kDouble) - expected).abs() <= precision * (bound + expected.abs()))
                        .all()
                        .item<bool>())
            << rows << " x " << columns << " x " << depth;
      }
    }
  }
}

TEST_P(BytePanelsTest, TakeTheLargestBytes) {
  const at::Tensor a = at::full({2, 65000}, 255, at::kByte), scale = at::ones({2});
  at::Tensor c = at::empty({2, 1});
  multiply_panels(a, scale, pack_right(at::full({1, 65000}, 127, at::kChar), at::ones({1})), c, {});
  EXPECT_TRUE(c.eq(127.0 * 127.0 * 65000.0).all().item<bool>());
  const at::Tensor more = at::full({2, 65001}, 255, at::kByte);
  EXPECT_THROW(
      multiply_panels(more, scale, pack_right(at::full({1, 65001}, 1, at::kChar), at::ones({1})), c,
                      {}),
      c10::Error);
}

INSTANTIATE_TEST_SUITE_P(Kernels, BytePanelsTest, ::testing::ValuesIn(available_isas()),
                         [](const auto& info) { return info.param; });

INSTANTIATE_TEST_SUITE_P(Kernels, Panels,
                         ::testing::Combine(::testing::ValuesIn(available_isas()),
                                            ::testing::Values(at::kFloat, at::kBFloat16)),
                         [](const auto& info) {
                           return std::get<0>(info.param) + "_" +
                                  c10::toString(std::get<1>(info.param));
                         });

}  // namespace
}  // namespace pals::cpu

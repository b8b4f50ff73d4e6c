// Every element-wise and LayerNorm kernel against its plain version, and the plain versions against
// finite differences.
#include <ATen/Parallel.h>

#include <cmath>
#include <functional>

#include "kernels/kernel_test.h"
#include "kernels/operations.h"

namespace pals {
namespace {

using testing::expect_close;
using testing::keys;
using testing::random;

const Activation kActivations[] = {Activation::kGelu, Activation::kGeluNew, Activation::kRelu,
                                   Activation::kSilu};
/// Rows and columns: whole vectors, remainders, fewer than a vector, no rows, several chunks.
const std::pair<int64_t, int64_t> kShapes[] = {{5, 64}, {3, 204},  {4, 7},    {1, 1},
                                               {0, 32}, {70, 768}, {33, 1001}};

class BlocksTest : public testing::KernelTest {};
INSTANTIATE_TEST_SUITE_P(Kernels, BlocksTest, testing::all_kernels(), testing::case_name);

TEST_P(BlocksTest, BiasActivation) {
  for (const auto& [m, f] : kShapes) {
    for (const Activation activation : kActivations) {
      BiasActivation block{.activation = activation, .u = act({m, f}, 1), .bias = random({f}, 2)};
      block.u.mul_(3);
      BiasActivation expected = reference(block);
      expected.y = at::empty_like(expected.u);
      plain::bias_activation_forward(expected);
      bias_activation_forward(block);
      expect_close(block.u, expected.u, tolerance(), "u");
      expect_close(block.y, expected.y, tolerance(), "y");

      const at::Tensor dy = act({m, f}, 3);
      block.dy = block.du = dy.clone();  // in place
      block.bias_grad = random({f}, 4);
      expected = reference(block);
      plain::bias_activation_backward(expected);
      bias_activation_backward(block);
      expect_close(block.du, expected.du, tolerance(), "du");
      expect_close(block.bias_grad, expected.bias_grad, 4e-6, "bias gradient");
      block.dy = dy;
      block.bias_grad = at::Tensor();
      bias_activation_backward(block);
      expect_close(block.du, expected.du, tolerance(), "du alone");
    }
  }
}

TEST_P(BlocksTest, GeluKeepsBothTails) {
  if (!is_fp32()) {
    GTEST_SKIP() << "about fp32 precision";
  }
  const at::Tensor x = at::linspace(-12, 12, 20001).reshape({1, 20001}).contiguous();
  const at::Tensor exact = x.to(at::kDouble);
  BiasActivation block{.u = x, .bias = at::zeros({20001})};
  bias_activation_forward(block);
  const at::Tensor want = 0.5 * exact * at::erfc(-exact * M_SQRT1_2);
  EXPECT_LE((block.y - want).abs().max().item<double>(), 1e-6);
  const at::Tensor relative = ((block.y - want) / want).abs().nan_to_num(0);
  EXPECT_LE(relative.masked_select(exact > -3).max().item<double>(), 2e-6);
  EXPECT_LE(relative.max().item<double>(), 2e-5);
  block.dy = at::ones_like(x);
  bias_activation_backward(block);
  const at::Tensor slope = 0.5 * at::erfc(-exact * M_SQRT1_2) +
                           exact * at::exp(-0.5 * exact * exact) / std::sqrt(2 * M_PI);
  EXPECT_LE((block.du - slope).abs().max().item<double>(), 1e-6);
}

TEST_P(BlocksTest, BiasDropout) {
  for (const auto& [m, f] : kShapes) {
    for (const float p : {0.0F, 0.1F, 1.0F}) {
      for (const bool with_bias : {true, false}) {
        BiasDropout block{.x = act({m, f}, 1),
                          .bias = with_bias ? random({f}, 2) : at::Tensor(),
                          .dropout = {p, dropout_key(1, 2, 3)},
                          .token_keys = keys(m)};
        BiasDropout expected = reference(block);
        plain::bias_dropout_forward(expected);
        bias_dropout_forward(block);
        expect_close(block.x, expected.x, tolerance(), "x");

        block.dy = act({m, f}, 3);
        block.bias_grad = random({f}, 4);
        expected = reference(block);
        expected.dx = at::empty_like(expected.dy);
        plain::bias_dropout_backward(expected);
        bias_dropout_backward(block);
        expect_close(block.dx, expected.dx, tolerance(), "dx");
        expect_close(block.bias_grad, expected.bias_grad, 4e-6, "bias gradient");
      }
    }
  }
}

TEST_P(BlocksTest, AddLayerNorm) {
  const double wide = is_fp32() ? 4e-6 : 1e-2;
  for (const auto& [m, h] : kShapes) {
    for (int parts = 0; parts < 16; ++parts) {
      AddLayerNorm block{.z = act({m, h}, 1),
                         .bias = (parts & 1) != 0 ? random({h}, 2) : at::Tensor(),
                         .residual = (parts & 2) != 0 ? act({m, h}, 3) : at::Tensor(),
                         .extra = (parts & 4) != 0 ? act({m, h}, 4) : at::Tensor(),
                         .gamma = random({h}, 5),
                         .beta = random({h}, 6),
                         .epsilon = h == 1 ? 0.5 : 1e-12,
                         .dropout = {(parts & 8) != 0 ? 0.3F : 0.0F, dropout_key(5, 6, 7)},
                         .token_keys = keys(m)};
      AddLayerNorm expected = reference(block);
      expected.y = at::empty_like(expected.z);
      expected.mean = at::empty({m}, expected.gamma.options());
      expected.rstd = at::empty_like(expected.mean);
      plain::add_layer_norm_forward(expected);
      add_layer_norm_forward(block);
      expect_close(block.z, expected.z, tolerance(), "z");
      expect_close(block.mean, expected.mean, is_fp32() ? 2e-6 : 2e-3, "mean");
      expect_close(block.rstd, expected.rstd, is_fp32() ? 4e-6 : 2e-2, "rstd");
      expect_close(block.y, expected.y, is_fp32() ? 4e-6 : 2e-2, "y");

      const at::Tensor dy = act({m, h}, 8);
      block.dy = block.dz = dy.clone();  // dz over dy
      block.dx = at::empty_like(dy);
      block.gamma_grad = random({h}, 9);
      block.beta_grad = random({h}, 10);
      block.bias_grad = random({h}, 11);
      expected = reference(block);
      plain::add_layer_norm_backward(expected);
      add_layer_norm_backward(block);
      expect_close(block.dz, expected.dz, wide, "dz", 1.0);
      expect_close(block.dx, expected.dx, wide, "dx", 1.0);
      expect_close(block.gamma_grad, expected.gamma_grad, 5e-6, "gamma's gradient", 1.0);
      expect_close(block.beta_grad, expected.beta_grad, 5e-6, "beta's gradient", 1.0);
      expect_close(block.bias_grad, expected.bias_grad, 5e-6, "bias's gradient", 1.0);
      block.dy = dy;
      block.dx = block.gamma_grad = block.beta_grad = block.bias_grad = at::Tensor();
      add_layer_norm_backward(block);
      expect_close(block.dz, expected.dz, wide, "dz alone", 1.0);
    }
  }
}

TEST_P(BlocksTest, SumsAndAccumulation) {
  for (const auto& [m, f] : kShapes) {
    const at::Tensor x = act({m, f}, 1);
    at::Tensor sum = random({f}, 2);
    at::Tensor expected = sum.to(at::kDouble) + x.to(at::kDouble).sum(0);
    add_column_sums(x, sum);
    expect_close(sum, expected, 4e-6, "column sums");
    at::Tensor target = testing::strided(random({m, f}, 3));
    expected = target.to(at::kDouble) + x.to(at::kDouble);
    accumulate(x, target);
    expect_close(target, expected, 2e-7, "accumulated");
  }
}

TEST_P(BlocksTest, QuantizedRows) {
  for (const auto& [m, k] : kShapes) {
    const at::Tensor x = act({m, k}, 1);
    if (m > 1) x[0].zero_();
    QuantizedRows block{.x = x};
    quantize_rows(block);
    if (m == 0) continue;
    const QuantizedRows expected{
        .x = x, .bytes = at::empty({m, k}, at::kByte), .scales = at::empty({m})};
    plain::quantize_rows(expected);
    const at::Tensor& scales = block.scales;
    expect_close(scales, expected.scales, 2e-7, "scales");
    // The last bit of a quotient may round otherwise.
    const at::Tensor difference = (block.bytes.to(at::kInt) - expected.bytes.to(at::kInt)).abs();
    EXPECT_LE(difference.max().item<int>(), 1);
    EXPECT_LE(difference.sum().item<int>(), 1 + m * k / 100);
    EXPECT_GE(block.bytes.min().item<int>(), 1);
    const at::Tensor back = (block.bytes.to(at::kFloat) - 128.0) * scales.unsqueeze(1);
    EXPECT_TRUE(
        ((back - x.to(at::kFloat)).abs() <= 0.501 * scales.unsqueeze(1)).all().item<bool>());

    for (const at::Tensor& bias : {random({k}, 2), at::Tensor()}) {
      const ScaledRows scaled{.x = x.clone(), .scales = scales, .bias = bias};
      const ScaledRows plain_scaled = reference(scaled);
      scale_rows(scaled);
      plain::scale_rows(plain_scaled);
      expect_close(scaled.x, plain_scaled.x, is_fp32() ? 1e-6 : 8e-3, "scaled");
    }
  }
}

TEST_P(BlocksTest, RepeatsBitForBit) {
  const auto run = [&] {
    AddLayerNorm block{.z = act({301, 204}, 1),
                       .bias = random({204}, 2),
                       .residual = act({301, 204}, 3),
                       .gamma = random({204}, 4),
                       .beta = random({204}, 5),
                       .epsilon = 1e-12,
                       .dropout = {0.1F, dropout_key(1, 1, 1)},
                       .token_keys = keys(301),
                       .dx = at::empty({301, 204}, type()),
                       .gamma_grad = at::zeros({204}),
                       .beta_grad = at::zeros({204}),
                       .bias_grad = at::zeros({204})};
    add_layer_norm_forward(block);
    block.dy = block.y;
    add_layer_norm_backward(block);
    return std::vector<at::Tensor>{block.y,          block.dz,        block.dx,
                                   block.gamma_grad, block.beta_grad, block.bias_grad};
  };
  const auto first = run();
  const auto second = run();
  for (size_t i = 0; i < first.size(); ++i) {
    EXPECT_TRUE(at::equal(first[i], second[i])) << i;
  }
  const int threads = at::get_num_threads();
  at::set_num_threads(threads == 1 ? 2 : 1);
  const auto other = run();
  at::set_num_threads(threads);
  for (size_t i = 0; i < 3; ++i) {  // row-wise results; sums may differ in their last bits
    EXPECT_TRUE(at::equal(first[i], other[i])) << i;
  }
}

TEST_P(BlocksTest, NotANumberStays) {
  BiasActivation block{.u = at::full({1, 40}, std::nan(""), at::TensorOptions(type())),
                       .bias = at::zeros({40})};
  bias_activation_forward(block);
  EXPECT_TRUE(block.y.isnan().all().item<bool>());
}

TEST(BlocksContract, RefusesWrongArguments) {
  const at::Tensor x = random({2, 8}, 1);
  BiasActivation block{.u = x, .bias = random({7}, 2)};
  EXPECT_THROW(bias_activation_forward(block), c10::Error);
  EXPECT_THROW(bias_dropout_forward({.x = x, .dropout = {0.5F, 1}}), c10::Error);
  block = {.u = random({8, 2}, 1).t(), .bias = random({8}, 2)};
  EXPECT_THROW(bias_activation_forward(block), c10::Error);
}

/// Central differences of a scalar function of one double tensor.
at::Tensor numeric_gradient(at::Tensor at_point, const std::function<double()>& function) {
  at::Tensor gradient = at::empty_like(at_point);
  double* point = at_point.mutable_data_ptr<double>();
  for (int64_t i = 0; i < at_point.numel(); ++i) {
    const double kept = point[i];
    point[i] = kept + 1e-5;
    const double above = function();
    point[i] = kept - 1e-5;
    const double below = function();
    point[i] = kept;
    gradient.mutable_data_ptr<double>()[i] = (above - below) / 2e-5;
  }
  return gradient;
}

TEST(PlainBlocks, ActivationGradientIsTheSlope) {
  for (const Activation activation : kActivations) {
    const at::Tensor x = random({3, 5}, 1).to(at::kDouble);
    const at::Tensor weight = random({3, 5}, 2).to(at::kDouble);
    const auto loss = [&] {
      const BiasActivation block{.activation = activation,
                                 .u = x.clone(),
                                 .bias = at::zeros({5}, at::kDouble),
                                 .y = at::empty_like(x)};
      plain::bias_activation_forward(block);
      return (block.y * weight).sum().item<double>();
    };
    const BiasActivation block{
        .activation = activation, .u = x, .dy = weight, .du = at::empty_like(x)};
    plain::bias_activation_backward(block);
    expect_close(block.du, numeric_gradient(x, loss), 1e-8, "dx");
  }
}

TEST(PlainBlocks, LayerNormGradientsAreTheSlopes) {
  const at::Tensor x = random({4, 6}, 1).to(at::kDouble), zeros = at::zeros({6}, at::kDouble);
  AddLayerNorm block{.bias = random({6}, 2).to(at::kDouble),
                     .residual = random({4, 6}, 3).to(at::kDouble),
                     .gamma = random({6}, 4).to(at::kDouble),
                     .beta = random({6}, 5).to(at::kDouble),
                     .epsilon = 1e-12,
                     .dropout = {0.25F, dropout_key(3, 3, 3)},
                     .token_keys = keys(4),
                     .y = at::empty_like(x),
                     .mean = at::empty({4}, at::kDouble),
                     .rstd = at::empty({4}, at::kDouble),
                     .dy = random({4, 6}, 6).to(at::kDouble),
                     .dz = at::empty_like(x),
                     .dx = at::empty_like(x),
                     .gamma_grad = zeros.clone(),
                     .beta_grad = zeros.clone(),
                     .bias_grad = zeros.clone()};
  const auto loss = [&] {
    block.z = x.clone();
    plain::add_layer_norm_forward(block);
    return (block.y * block.dy).sum().item<double>();
  };
  loss();
  plain::add_layer_norm_backward(block);
  expect_close(block.dx, numeric_gradient(x, loss), 1e-7, "dx");
  expect_close(block.dz, numeric_gradient(block.residual, loss), 1e-7, "dz");
  expect_close(block.bias_grad, numeric_gradient(block.bias, loss), 1e-7, "bias");
  expect_close(block.gamma_grad, numeric_gradient(block.gamma, loss), 1e-7, "gamma");
  expect_close(block.beta_grad, numeric_gradient(block.beta, loss), 1e-7, "beta");
}

}  // namespace
}  // namespace pals

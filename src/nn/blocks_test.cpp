// Every element-wise and LayerNorm kernel against its plain version, and the plain versions against
// finite differences.
#include "nn/blocks.h"

#include <ATen/Parallel.h>

#include <cmath>
#include <functional>

#include "nn/blocks_test_util.h"

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
      at::Tensor x = act({m, f}, 1);
      x.mul_(3);
      const at::Tensor bias = random({f}, 2);
      at::Tensor expected_u = reference(x);
      at::Tensor expected_y = at::empty_like(expected_u);
      plain::bias_activation_forward(activation, expected_u, parameter(bias), expected_y);
      at::Tensor y;
      bias_activation_forward(activation, x, bias, y);
      expect_close(x, expected_u, tolerance(), "u");
      expect_close(y, expected_y, tolerance(), "y");

      const at::Tensor dy = act({m, f}, 3);
      at::Tensor bias_grad = random({f}, 4);
      at::Tensor expected_bias_grad = parameter(bias_grad);
      at::Tensor expected_du = at::empty_like(expected_u);
      plain::bias_activation_backward(activation, reference(dy), reference(x), expected_du,
                                      expected_bias_grad);
      at::Tensor du = dy.clone();
      bias_activation_backward(activation, du, x, du, bias_grad);  // in place
      expect_close(du, expected_du, tolerance(), "du");
      expect_close(bias_grad, expected_bias_grad, 4e-6, "bias gradient");
      bias_activation_backward(activation, dy, x, du, at::Tensor());
    }
  }
}

TEST_P(BlocksTest, GeluKeepsBothTails) {
  if (!is_fp32()) {
    GTEST_SKIP() << "about fp32 precision";
  }
  at::Tensor x = at::linspace(-12, 12, 20001).reshape({1, 20001}).contiguous();
  const at::Tensor exact = x.to(at::kDouble);
  at::Tensor y;
  bias_activation_forward(Activation::kGelu, x, at::zeros({20001}), y);
  const at::Tensor want = 0.5 * exact * at::erfc(-exact * M_SQRT1_2);
  EXPECT_LE((y - want).abs().max().item<double>(), 1e-6);
  const at::Tensor relative = ((y - want) / want).abs().nan_to_num(0);
  EXPECT_LE(relative.masked_select(exact > -3).max().item<double>(), 2e-6);
  EXPECT_LE(relative.max().item<double>(), 2e-5);
  at::Tensor du;
  bias_activation_backward(Activation::kGelu, at::ones_like(x), x, du, at::Tensor());
  const at::Tensor slope = 0.5 * at::erfc(-exact * M_SQRT1_2) +
                           exact * at::exp(-0.5 * exact * exact) / std::sqrt(2 * M_PI);
  EXPECT_LE((du - slope).abs().max().item<double>(), 1e-6);
}

TEST_P(BlocksTest, BiasDropout) {
  for (const auto& [m, f] : kShapes) {
    for (const float p : {0.0F, 0.1F, 1.0F}) {
      for (const bool with_bias : {true, false}) {
        const Dropout dropout = {p, dropout_key(1, 2, 3)};
        at::Tensor x = act({m, f}, 1);
        const at::Tensor bias = with_bias ? random({f}, 2) : at::Tensor();
        at::Tensor expected = reference(x);
        plain::bias_dropout_forward(expected, with_bias ? parameter(bias) : at::Tensor(), dropout,
                                    keys(m));
        bias_dropout_forward(x, bias, dropout, keys(m));
        expect_close(x, expected, tolerance(), "x");

        const at::Tensor dy = act({m, f}, 3);
        at::Tensor bias_grad = random({f}, 4);
        at::Tensor expected_bias_grad = parameter(bias_grad);
        at::Tensor expected_dx = at::empty_like(expected);
        plain::bias_dropout_backward(reference(dy), dropout, keys(m), expected_dx,
                                     expected_bias_grad);
        at::Tensor dx;
        bias_dropout_backward(dy, dropout, keys(m), dx, bias_grad);
        expect_close(dx, expected_dx, tolerance(), "dx");
        expect_close(bias_grad, expected_bias_grad, 4e-6, "bias gradient");
      }
    }
  }
}

TEST_P(BlocksTest, DropoutAddLayerNorm) {
  for (const auto& [m, h] : kShapes) {
    for (int parts = 0; parts < 16; ++parts) {
      const Dropout dropout = {(parts & 8) != 0 ? 0.3F : 0.0F, dropout_key(5, 6, 7)};
      at::Tensor x = act({m, h}, 1);
      const at::Tensor bias = (parts & 1) != 0 ? random({h}, 2) : at::Tensor();
      const at::Tensor residual = (parts & 2) != 0 ? act({m, h}, 3) : at::Tensor();
      const at::Tensor extra = (parts & 4) != 0 ? act({m, h}, 4) : at::Tensor();
      const at::Tensor gamma = random({h}, 5);
      const at::Tensor beta = random({h}, 6);
      const double epsilon = h == 1 ? 0.5 : 1e-12;
      const auto optional = [&](const at::Tensor& t) { return t.defined() ? reference(t) : t; };
      at::Tensor z = reference(x);
      at::Tensor expected_y = at::empty_like(z);
      at::Tensor expected_mean = at::empty({m}, parameter(gamma).options());
      at::Tensor expected_rstd = at::empty_like(expected_mean);
      plain::dropout_add_layer_norm_forward(z, bias.defined() ? parameter(bias) : bias,
                                            optional(residual), optional(extra), parameter(gamma),
                                            parameter(beta), epsilon, dropout, keys(m), expected_y,
                                            expected_mean, expected_rstd);
      at::Tensor y;
      at::Tensor mean;
      at::Tensor rstd;
      dropout_add_layer_norm_forward(x, bias, residual, extra, gamma, beta, epsilon, dropout,
                                     keys(m), y, mean, rstd);
      expect_close(x, z, tolerance(), "z");
      expect_close(mean, expected_mean, is_fp32() ? 2e-6 : 2e-3, "mean");
      expect_close(rstd, expected_rstd, is_fp32() ? 4e-6 : 2e-2, "rstd");
      expect_close(y, expected_y, is_fp32() ? 4e-6 : 2e-2, "y");

      const at::Tensor dy = act({m, h}, 8);
      std::vector<at::Tensor> sums;
      std::vector<at::Tensor> expected_sums;
      for (uint64_t i = 0; i < 3; ++i) {
        sums.push_back(random({h}, 9 + i));
        expected_sums.push_back(parameter(sums.back()));
      }
      at::Tensor expected_dz = at::empty_like(z);
      at::Tensor expected_dx = at::empty_like(z);
      plain::dropout_add_layer_norm_backward(
          reference(dy), reference(x), parameter(mean), parameter(rstd), parameter(gamma), dropout,
          keys(m), expected_dz, expected_dx, expected_sums[0], expected_sums[1], expected_sums[2]);
      at::Tensor dz = dy.clone();
      at::Tensor dx = at::empty_like(dz);
      dropout_add_layer_norm_backward(dz, x, mean, rstd, gamma, dropout, keys(m), dz, dx, sums[0],
                                      sums[1], sums[2]);  // dz over dy
      expect_close(dz, expected_dz, is_fp32() ? 4e-6 : 1e-2, "dz", 1.0);
      expect_close(dx, expected_dx, is_fp32() ? 4e-6 : 1e-2, "dx", 1.0);
      for (size_t i = 0; i < 3; ++i) {
        expect_close(sums[i], expected_sums[i], 5e-6, "parameter gradient", 1.0);
      }
      at::Tensor none;
      dropout_add_layer_norm_backward(dy, x, mean, rstd, gamma, dropout, keys(m), dz, none, none,
                                      none, none);
      expect_close(dz, expected_dz, is_fp32() ? 4e-6 : 1e-2, "dz alone", 1.0);
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
    at::Tensor x = act({m, k}, 1);
    if (m > 1) x[0].zero_();
    at::Tensor bytes, scales, expected = at::empty({m, k}, at::kByte),
                              expected_scales = at::empty({m});
    quantize_rows(x, bytes, scales);
    if (m == 0) continue;
    plain::quantize_rows(x, expected, expected_scales);
    expect_close(scales, expected_scales, 2e-7, "scales");
    // The last bit of a quotient may round otherwise.
    const at::Tensor difference = (bytes.to(at::kInt) - expected.to(at::kInt)).abs();
    EXPECT_LE(difference.max().item<int>(), 1);
    EXPECT_LE(difference.sum().item<int>(), 1 + m * k / 100);
    EXPECT_GE(bytes.min().item<int>(), 1);
    const at::Tensor back = (bytes.to(at::kFloat) - 128.0) * scales.unsqueeze(1);
    EXPECT_TRUE(
        ((back - x.to(at::kFloat)).abs() <= 0.501 * scales.unsqueeze(1)).all().item<bool>());

    const at::Tensor bias = random({k}, 2);
    for (const at::Tensor& added : {bias, at::Tensor()}) {
      at::Tensor y = x.clone(), plain_y = reference(x).clone();
      scale_rows(y, scales, added);
      plain::scale_rows(plain_y, scales.to(plain_y.scalar_type()), added);
      expect_close(y, plain_y, is_fp32() ? 1e-6 : 8e-3, "scaled");
    }
  }
}

TEST_P(BlocksTest, RepeatsBitForBit) {
  const Dropout dropout = {0.1F, dropout_key(1, 1, 1)};
  const auto run = [&] {
    at::Tensor x = act({301, 204}, 1);
    at::Tensor y, mean, rstd, dz, dx = at::empty_like(x), gamma_grad = at::zeros({204}),
                                  beta_grad = at::zeros({204}), bias_grad = at::zeros({204});
    dropout_add_layer_norm_forward(x, random({204}, 2), act({301, 204}, 3), at::Tensor(),
                                   random({204}, 4), random({204}, 5), 1e-12, dropout, keys(301), y,
                                   mean, rstd);
    dropout_add_layer_norm_backward(y, x, mean, rstd, random({204}, 4), dropout, keys(301), dz, dx,
                                    gamma_grad, beta_grad, bias_grad);
    return std::vector<at::Tensor>{y, dz, dx, gamma_grad, beta_grad, bias_grad};
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
  at::Tensor x = at::full({1, 40}, std::nan(""), at::TensorOptions(type()));
  at::Tensor y;
  bias_activation_forward(Activation::kGelu, x, at::zeros({40}), y);
  EXPECT_TRUE(y.isnan().all().item<bool>());
}

TEST(BlocksContract, RefusesWrongArguments) {
  at::Tensor x = random({2, 8}, 1);
  at::Tensor y;
  EXPECT_THROW(bias_activation_forward(Activation::kGelu, x, random({7}, 2), y), c10::Error);
  EXPECT_THROW(bias_dropout_forward(x, at::Tensor(), {0.5F, 1}, at::Tensor()), c10::Error);
  at::Tensor transposed = random({8, 2}, 1).t();
  EXPECT_THROW(bias_activation_forward(Activation::kGelu, transposed, random({8}, 2), y),
               c10::Error);
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
    at::Tensor x = random({3, 5}, 1).to(at::kDouble);
    const at::Tensor weight = random({3, 5}, 2).to(at::kDouble);
    const at::Tensor zero = at::zeros({5}, at::kDouble);
    const auto loss = [&] {
      at::Tensor u = x.clone();
      at::Tensor y = at::empty_like(u);
      plain::bias_activation_forward(activation, u, zero, y);
      return (y * weight).sum().item<double>();
    };
    at::Tensor dx = at::empty_like(x);
    plain::bias_activation_backward(activation, weight, x, dx, at::Tensor());
    expect_close(dx, numeric_gradient(x, loss), 1e-8, "dx");
  }
}

TEST(PlainBlocks, LayerNormGradientsAreTheSlopes) {
  const Dropout dropout = {0.25F, dropout_key(3, 3, 3)};
  at::Tensor x = random({4, 6}, 1).to(at::kDouble);
  at::Tensor bias = random({6}, 2).to(at::kDouble);
  at::Tensor residual = random({4, 6}, 3).to(at::kDouble);
  at::Tensor gamma = random({6}, 4).to(at::kDouble);
  at::Tensor beta = random({6}, 5).to(at::kDouble);
  const at::Tensor weight = random({4, 6}, 6).to(at::kDouble);
  at::Tensor z, y = at::empty_like(x), mean = at::empty({4}, at::kDouble), rstd = mean.clone();
  const auto loss = [&] {
    z = x.clone();
    plain::dropout_add_layer_norm_forward(z, bias, residual, at::Tensor(), gamma, beta, 1e-12,
                                          dropout, keys(4), y, mean, rstd);
    return (y * weight).sum().item<double>();
  };
  loss();
  at::Tensor dz = at::empty_like(x), dx = at::empty_like(x);
  at::Tensor gamma_grad = at::zeros({6}, at::kDouble), beta_grad = gamma_grad.clone(),
             bias_grad = gamma_grad.clone();
  plain::dropout_add_layer_norm_backward(weight, z, mean, rstd, gamma, dropout, keys(4), dz, dx,
                                         gamma_grad, beta_grad, bias_grad);
  expect_close(dx, numeric_gradient(x, loss), 1e-7, "dx");
  expect_close(dz, numeric_gradient(residual, loss), 1e-7, "dz");
  expect_close(bias_grad, numeric_gradient(bias, loss), 1e-7, "bias");
  expect_close(gamma_grad, numeric_gradient(gamma, loss), 1e-7, "gamma");
  expect_close(beta_grad, numeric_gradient(beta, loss), 1e-7, "beta");
}

}  // namespace
}  // namespace pals

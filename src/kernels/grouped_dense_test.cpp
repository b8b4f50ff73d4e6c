// Grouped products on the CUDA kernels against their plain version.
#include "kernels/kernel_test.h"

namespace pals {
namespace {

using testing::expect_close;
using testing::random;

class GroupedDenseTest : public testing::KernelTest {
 protected:
  /// Every group's W and bias behind each other, the first at `begin`.
  struct Parameters {
    at::Tensor weights, biases;
    std::vector<DenseGroup> groups;
  };
  Parameters parameters(const std::vector<int64_t>& rows, int64_t in, int64_t out, int64_t begin,
                        bool biased) const {
    Parameters all;
    const auto count = static_cast<int64_t>(rows.size());
    all.weights = (random({begin + count * out * in}, 1) * 0.1).to(type());
    all.biases = random({begin + count * out}, 2);
    int64_t row = 1;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t size = rows[static_cast<size_t>(i)];
      all.groups.push_back({row, size, begin + i * out * in,
                            biased ? std::optional(begin + i * out) : std::nullopt});
      row += size + 2;  // two rows of no group
    }
    return all;
  }

  void expect_plain(const std::vector<int64_t>& rows, int64_t in, int64_t out, int64_t begin,
                    std::optional<Activation> activation, bool biased, bool contiguous) const {
    const Parameters all = parameters(rows, in, out, begin, biased);
    const int64_t total = all.groups.back().first_row + all.groups.back().rows + 1;
    at::Tensor x = act({total, in}, 3), y = act({total, out}, 4);
    if (contiguous) x = x.contiguous(), y = y.contiguous();
    const GroupedDense block{all.groups, all.weights, all.biases, activation, x, y};
    const GroupedDense expected{all.groups, all.weights.to(at::kDouble), all.biases.to(at::kDouble),
                                activation, x.to(at::kDouble),           y.to(at::kDouble)};
    plain::grouped_dense(expected);
    const at::Tensor before = y.clone();
    grouped_dense(block);
    expect_close(y, expected.y, 5e-3, std::to_string(in) + " to " + std::to_string(out));
    EXPECT_TRUE(at::equal(y[0], before[0]));
    EXPECT_TRUE(at::equal(y[total - 1], before[total - 1]));
  }
};

auto cases() {
  std::vector<std::tuple<std::string, at::ScalarType>> all;
  for (const std::string& name : testing::kernel_names()) {
    if (!testing::is_cuda(name)) continue;
    all.emplace_back(name, at::kBFloat16);
    all.emplace_back(name, at::kHalf);
  }
  return ::testing::ValuesIn(all);
}
INSTANTIATE_TEST_SUITE_P(Kernels, GroupedDenseTest, cases(), testing::case_name);

TEST_P(GroupedDenseTest, AdaptersOfBertBase) {
  const std::vector<int64_t> rows = {1, 70, 0, 64, 17};
  expect_plain(rows, 768, 204, 0, std::nullopt, true, true);
  expect_plain(rows, 204, 612, 0, std::nullopt, true, true);
  expect_plain(rows, 204, 768, 0, Activation::kGelu, true, true);
  expect_plain(rows, 768, 50, 0, Activation::kGelu, true, true);
  expect_plain(rows, 50, 768, 0, std::nullopt, false, true);
}

TEST_P(GroupedDenseTest, EveryAlignmentAndActivation) {
  for (const int64_t in : {8, 24, 66, 7}) {
    for (const int64_t out : {8, 66, 5}) {
      for (const bool contiguous : {true, false}) {
        for (const int64_t begin : {0, 2, 1}) {
          expect_plain({3, 130, 16}, in, out, begin, Activation::kRelu, true, contiguous);
        }
      }
    }
  }
  for (const Activation activation : {Activation::kGeluNew, Activation::kSilu}) {
    expect_plain({20, 5}, 32, 32, 0, activation, false, true);
  }
}

TEST_P(GroupedDenseTest, RowsOfWeightsWithGaps) {
  const int64_t in = 204, out = 70, stride = 208;
  const at::Tensor x = act({9, in}, 1), weights = random({out * stride}, 2).to(type()),
                   biases = random({out}, 3);
  const at::Tensor dense =
      weights.view({out, stride}).narrow(1, 0, in).contiguous().view({out * in});
  at::Tensor y = act({9, out}, 4), expected = y.clone();
  const DenseGroup group = {1, 7, 0, 0};
  grouped_dense({{&group, 1}, weights, biases, std::nullopt, x, y, stride});
  grouped_dense({{&group, 1}, dense, biases, std::nullopt, x, expected});
  EXPECT_TRUE(at::equal(y, expected));
  EXPECT_THROW(grouped_dense({{&group, 1}, weights, biases, std::nullopt, x, y, in - 1}),
               c10::Error);
  EXPECT_THROW(grouped_dense({{&group, 1}, weights, biases, std::nullopt, x, y, stride + 1}),
               c10::Error);
}

TEST_P(GroupedDenseTest, MoreGroupsThanALaunchTakes) {
  expect_plain(std::vector<int64_t>(35, 3), 16, 16, 0, std::nullopt, true, true);
}

TEST_P(GroupedDenseTest, RefusesWhatIsOutside) {
  const at::Tensor x = act({4, 8}, 1), weights = random({64}, 2).to(type()),
                   biases = random({8}, 3);
  at::Tensor y = act({4, 8}, 4);
  const auto run = [&](const DenseGroup& group) {
    grouped_dense({{&group, 1}, weights, biases, std::nullopt, x, y});
  };
  run({0, 4, 0, 0});
  for (const DenseGroup& group : {DenseGroup{0, 5, 0, 0},
                                  {-1, 2, 0, 0},
                                  {2, -1, 0, 0},
                                  {0, 4, 1},
                                  {0, 4, -1},
                                  {0, 4, 0, 1},
                                  {0, 4, 0, -1}}) {
    EXPECT_THROW(run(group), c10::Error);
  }
  at::Tensor fp32 = random({4, 8}, 4);
  EXPECT_THROW(grouped_dense({{}, weights, biases, std::nullopt, fp32, y}), c10::Error);
}

TEST(GroupsDense, IsForTwoBytesAndNotForProcessors) {
  EXPECT_FALSE(groups_dense(at::zeros({1}, at::kBFloat16)));
  testing::use_kernels(testing::kCudaEmulated);
  EXPECT_TRUE(groups_dense(at::zeros({1}, at::kBFloat16)));
  EXPECT_TRUE(groups_dense(at::zeros({1}, at::kHalf)));
  EXPECT_FALSE(groups_dense(at::zeros({1})));
  testing::use_kernels("");
}

}  // namespace
}  // namespace pals

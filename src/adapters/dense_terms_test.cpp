// Terms at the end of both blocks of a layer, of the dense output and of the normalised sum, in a
// batch with a task that has none: against finite differences.
#include <gtest/gtest.h>

#include "adapters/adapter_hooks.h"
#include "adapters/low_rank.h"
#include "base/random.h"
#include "bert/encoder.h"
#include "bert/test_config.h"

namespace pals {
namespace {

constexpr int kLayers = 2;

// Two tasks with two rows each.
PackedBatch tiny_batch() {
  const std::vector<int32_t> ids = {2, 5, 9, 3, 7, 11, 4}, types = {0, 0, 0, 1, 1, 1, 1};
  PackedBatch batch;
  batch.append(0, 0, ids.data(), types.data(), 5);
  batch.append(0, 1, ids.data() + 1, types.data() + 1, 2);
  batch.append(1, 2, ids.data() + 2, types.data() + 2, 4);
  batch.append(1, 3, ids.data(), types.data(), 3);
  return batch;
}

struct Case {
  TermReads attention, feed_forward;
  bool beside;  ///< a feed-forward term of the layer input as well
  int task;     ///< that has the terms
  float dropout;
};

class DenseTermsTest : public ::testing::TestWithParam<Case> {
 protected:
  DenseTermsTest() : encoder_(table_, config_) {
    adapters_.emplace_back(kLayers);
    adapters_.emplace_back(kLayers);
    const AdapterConfig size{.size = 4, .layers = {0, 1}};
    const AdapterBuild build{.table = table_,
                             .folded = folded_,
                             .shared = table_,
                             .prefix = "tasks.0.",
                             .owner = GetParam().task,
                             .bert = config_,
                             .config = size};
    TaskAdapter& adapter = adapters_[static_cast<size_t>(GetParam().task)];
    const auto place = [&](AdapterModules& modules, const std::string& name) {
      for (int layer = 0; layer < kLayers; ++layer) {
        modules[static_cast<size_t>(layer)] =
            std::make_unique<LowRank>(build, build.layer_prefix(layer) + name, 4);
      }
    };
    for (auto [terms, reads, name] :
         {std::tuple{&adapter.after_attention, GetParam().attention, "attention."},
          {&adapter.after_feed_forward, GetParam().feed_forward, "feed_forward."}}) {
      if (reads == TermReads::kNothing) continue;
      terms->reads = reads;
      place(terms->modules, name);
    }
    if (GetParam().beside) place(adapter.feed_forward_term, "beside.");
    table_.lay_out();
    arena_ = std::make_unique<ParameterArena>(table_, at::kFloat);
    arena_->initialize(0.3, 3);
    arena_->prepare_training();
    upload_.send();
  }

  double run(bool backward) {
    AdapterHooks hooks(adapters_, batch_.segments, kLayers);
    Tape tape;
    const float p = GetParam().dropout;
    const Pass pass{*arena_, at::kFloat, tensors_.rows, {p, p, 1, 2}, &tape};
    const at::Tensor y = encoder_.forward(pass, tensors_, &hooks);
    const at::Tensor weights = at::sin(at::arange(y.numel(), at::kFloat)).view(y.sizes());
    if (backward) {
      encoder_.backward(pass, tensors_, weights.clone(), &hooks);
      EXPECT_TRUE(tape.empty());
    }
    return (y.to(at::kDouble) * weights).sum().item<double>();
  }

  const BertConfig config_ = testing::tiny_config(kLayers);
  ParameterTable table_, folded_;
  BertEncoder encoder_;
  std::vector<TaskAdapter> adapters_;
  std::unique_ptr<ParameterArena> arena_;
  PackedBatch batch_ = tiny_batch();
  Upload upload_{at::kCPU, upload_bytes(batch_)};
  BatchTensors tensors_{batch_, upload_};
};

TEST_P(DenseTermsTest, GradientsMatchFiniteDifferences) {
  run(true);
  const at::Tensor gradients = arena_->gradients().clone();
  for (const Parameter& row : arena_->table().rows()) {
    const at::Tensor gradient = gradients.narrow(0, row.offset, row.numel);
    const double size = gradient.norm().item<double>();
    if (row.name.ends_with("key.bias")) continue;  // added to all that a softmax is over
    EXPECT_GT(size, 1e-4) << row.name;
    const at::Tensor weight = arena_->weights().narrow(0, row.offset, row.numel);
    const at::Tensor saved = weight.clone();
    const double step = 5e-3 / std::max(1.0, size);
    const auto moved = [&](double distance) {
      weight.copy_(saved + gradient / size * distance);
      return run(false);
    };
    const double slope = (moved(step) - moved(-step)) / (2.0 * step);
    weight.copy_(saved);
    EXPECT_NEAR(slope, size, 2e-2 * size + 2e-3) << row.name;
  }
}

TEST_P(DenseTermsTest, TheOtherTasksRowsDoNotFeelThem) {
  const auto outputs = [&](const std::vector<TaskAdapter>& adapters) {
    AdapterHooks hooks(adapters, batch_.segments, kLayers);
    const Pass pass{*arena_, at::kFloat, tensors_.rows, {}, nullptr};
    return encoder_.forward(pass, tensors_, &hooks);
  };
  std::vector<TaskAdapter> none;
  none.emplace_back(kLayers);
  none.emplace_back(kLayers);
  const at::Tensor with = outputs(adapters_), without = outputs(none);
  const Segment &own = batch_.segments[static_cast<size_t>(GetParam().task)],
                &other = batch_.segments[static_cast<size_t>(1 - GetParam().task)];
  const auto part = [](const at::Tensor& x, const Segment& segment) {
    return x.slice(0, segment.first_token, segment.last_token);
  };
  EXPECT_TRUE(at::equal(part(with, other), part(without, other)));
  EXPECT_GT((part(with, own) - part(without, own)).abs().max().item<double>(), 1e-2);
}

INSTANTIATE_TEST_SUITE_P(
    Places, DenseTermsTest,
    ::testing::Values(Case{TermReads::kDense, TermReads::kNothing, false, 0, 0.2F},
                      Case{TermReads::kNothing, TermReads::kDense, false, 1, 0.2F},
                      Case{TermReads::kDense, TermReads::kDense, true, 0, 0.0F},
                      Case{TermReads::kNormalised, TermReads::kNothing, false, 1, 0.2F},
                      Case{TermReads::kNothing, TermReads::kNormalised, false, 0, 0.0F},
                      Case{TermReads::kNormalised, TermReads::kNormalised, true, 1, 0.2F},
                      Case{TermReads::kDense, TermReads::kNormalised, true, 0, 0.2F}));

}  // namespace
}  // namespace pals

// LHUC behind a module that already stands in place of a layer's output: both of them count,
// forward and backward.
#include "adapters/lhuc.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "adapters/low_rank.h"
#include "bert/config.h"
#include "bert/test_config.h"
#include "modules/pass.h"

namespace pals {
namespace {

class AddLhucTest : public ::testing::Test {
 protected:
  AddLhucTest() {
    const AdapterConfig adapter{.size = 4, .layers = {0, 1}};
    const AdapterBuild build{.table = table_,
                             .folded = folded_,
                             .shared = table_,
                             .prefix = "tasks.0.",
                             .owner = 0,
                             .bert = config_,
                             .config = adapter};
    adapter_.after_layer[0] = std::make_unique<LowRank>(build, build.layer_prefix(0), 4);
    inner_ = adapter_.after_layer[0].get();
    add_lhuc(build, adapter_);
    table_.lay_out();
    arena_ = std::make_unique<ParameterArena>(table_, at::kFloat);
    arena_->initialize(0.5, 3);
    arena_->write_weight(scale_id(), [&](float* values) {
      for (int64_t i = 0; i < config_.hidden_size; ++i) {
        values[i] = 0.3F * static_cast<float>(i) - 1.0F;
      }
    });
    arena_->prepare_training();
    upload_.send();
  }

  ParameterId scale_id() const { return table_.find("tasks.0.layer.0.lhuc.scale"); }
  at::Tensor factors() const { return at::sigmoid(arena_->weight(scale_id())) * 2.0; }
  at::Tensor numbers(double step) const {
    return at::sin(at::arange(5 * config_.hidden_size, at::kFloat) * step)
        .view({5, config_.hidden_size});
  }
  Pass pass(Tape* tape) const { return {*arena_, at::kFloat, tensors_.rows, {}, tape}; }

  static PackedBatch one_row() {
    const std::vector<int32_t> ids = {2, 5, 9, 3, 7}, types(5, 0);
    PackedBatch batch;
    batch.append(0, 0, ids.data(), types.data(), 5);
    return batch;
  }

  const BertConfig config_ = testing::tiny_config(2);
  ParameterTable table_, folded_;
  TaskAdapter adapter_{2};
  const AdapterModule* inner_ = nullptr;
  std::unique_ptr<ParameterArena> arena_;
  PackedBatch batch_ = one_row();
  Upload upload_{at::kCPU, upload_bytes(batch_)};
  BatchTensors tensors_{batch_, upload_};
};

TEST_F(AddLhucTest, ScalesWhatStandsBehindALayerAlready) {
  const at::Tensor x = numbers(1.0);
  const at::Tensor both = adapter_.after_layer[0]->forward(pass(nullptr), 0, x);
  const at::Tensor one = inner_->forward(pass(nullptr), 0, x);
  EXPECT_TRUE(at::allclose(both, one * factors()));
  EXPECT_GT((both - x * factors()).abs().max().item<double>(), 1e-2) << "the module is gone";
  // A layer without a module has the scale alone, here of 1.
  ASSERT_NE(adapter_.after_layer[1], nullptr);
  EXPECT_TRUE(at::equal(adapter_.after_layer[1]->forward(pass(nullptr), 1, x), x));
}

TEST_F(AddLhucTest, GradientsGoThroughBoth) {
  const at::Tensor x = numbers(1.0), dy = numbers(0.7);
  Tape tape;
  const at::Tensor one = inner_->forward(pass(&tape), 0, x);
  const at::Tensor expected = inner_->backward(pass(&tape), 0, dy * factors());
  const at::Tensor of_inner = arena_->gradients().clone();
  EXPECT_GT(of_inner.norm().item<double>(), 0.0);
  EXPECT_EQ(arena_->gradient(scale_id()).abs().max().item<double>(), 0.0);

  arena_->gradients().zero_();
  adapter_.after_layer[0]->forward(pass(&tape), 0, x);
  const at::Tensor dx = adapter_.after_layer[0]->backward(pass(&tape), 0, dy);
  EXPECT_TRUE(tape.empty());
  EXPECT_TRUE(at::allclose(dx, expected));
  const at::Tensor s = factors();
  const at::Tensor of_scale = (dy * one).sum(0) * s * (1.0 - 0.5 * s);
  EXPECT_TRUE(at::allclose(arena_->gradient(scale_id()), of_scale, 1e-4, 1e-6));
  arena_->gradient(scale_id()).zero_();
  EXPECT_TRUE(at::allclose(arena_->gradients(), of_inner));
}

}  // namespace
}  // namespace pals

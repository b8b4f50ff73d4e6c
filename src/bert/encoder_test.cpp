#include "bert/encoder.h"

#include <gtest/gtest.h>

#include "bert/test_config.h"

namespace pals {
namespace {

constexpr int kLayers = 3;

PackedBatch tiny_batch() {
  const std::vector<int32_t> ids = {2, 5, 9, 3, 7}, types = {0, 0, 0, 1, 1};
  PackedBatch batch;
  batch.append(0, 0, ids.data(), types.data(), 5);
  batch.append(0, 1, ids.data() + 1, types.data() + 1, 2);
  return batch;
}

// Adds nothing, and writes down how it was called.
class RecordingHooks : public EncoderHooks {
 public:
  std::vector<std::string> calls;
  bool attention_term = false, attends = false, after_all = true;

  std::vector<TokenRun> dense_term_runs(const Pass& pass, LayerBlock block,
                                        int /*layer*/) const override {
    const bool reads = attention_term && block == LayerBlock::kAttention;
    return {{0, pass.num_tokens(), reads ? TermReads::kDense : TermReads::kNothing}};
  }
  at::Tensor dense_term(const Pass&, LayerBlock, int layer, TermReads,
                        const at::Tensor& x) override {
    record("attention", layer);
    return at::zeros_like(x);
  }
  void dense_term_backward(const Pass&, LayerBlock, int layer, TermReads, const at::Tensor&,
                           at::Tensor&) override {
    record("attention", layer);
  }
  bool term_attends_to_attention(int /*layer*/) const override { return attends; }
  at::Tensor feed_forward_term(const Pass&, int layer, const LayerActivations&) override {
    record("feed_forward", layer);
    return {};
  }
  void feed_forward_term_backward(const Pass&, int layer, const at::Tensor&,
                                  LayerActivations&) override {
    record("feed_forward", layer);
  }
  at::Tensor after_layer(const Pass&, int layer, const at::Tensor& y) override {
    record("layer", layer);
    return y;
  }
  at::Tensor after_layer_backward(const Pass&, int layer, const at::Tensor& dy) override {
    record("layer", layer);
    return dy;
  }
  bool has_after_encoder() const override { return after_all; }
  at::Tensor after_encoder(const Pass&, const at::Tensor& y) override {
    record("encoder", 0);
    return y;
  }
  at::Tensor after_encoder_backward(const Pass&, const at::Tensor& dy) override {
    record("encoder", 0);
    return dy;
  }

 private:
  void record(const char* place, int layer) { calls.push_back(place + std::to_string(layer)); }
};

class EncoderTest : public ::testing::Test {
 protected:
  EncoderTest()
      : encoder_(table_, testing::tiny_config(kLayers)), pooler_(table_, "", 12, kSharedOwner) {
    table_.lay_out();
    arena_ = std::make_unique<ParameterArena>(table_, at::kFloat);
    arena_->initialize(0.3, 3);
    arena_->prepare_training();
  }

  Pass pass(Tape* tape, float dropout = 0.0F) const {
    return {*arena_, at::kFloat, tensors_.rows, {dropout, dropout, 1, 2}, tape};
  }

  // The gradients after a backward pass from ones.
  at::Tensor gradients(EncoderHooks* hooks, float dropout) {
    Tape tape;
    arena_->gradients().zero_();
    const at::Tensor y = encoder_.forward(pass(&tape, dropout), tensors_, hooks);
    encoder_.backward(pass(&tape, dropout), tensors_, weights_like(y), hooks);
    EXPECT_TRUE(tape.empty());
    return arena_->gradients().clone();
  }

  static at::Tensor weights_like(const at::Tensor& y) {
    return at::sin(at::arange(y.numel(), at::kFloat)).view(y.sizes());
  }

  ParameterTable table_;
  BertEncoder encoder_;
  Pooler pooler_;
  std::unique_ptr<ParameterArena> arena_;
  PackedBatch batch_ = tiny_batch();
  Upload upload_{at::kCPU, upload_bytes(batch_)};
  BatchTensors tensors_{batch_, upload_};
};

TEST_F(EncoderTest, ObserverSeesEachLayerInOrder) {
  std::vector<int> layers;
  at::Tensor last;
  const at::Tensor y =
      encoder_.forward(pass(nullptr), tensors_, nullptr, [&](int layer, const at::Tensor& h) {
        layers.push_back(layer);
        last = h;
      });
  EXPECT_EQ(layers, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(y.sizes(), at::IntArrayRef({7, 12}));
  EXPECT_TRUE(at::equal(last, y));
}

TEST_F(EncoderTest, OutputsAreNormalised) {
  // With gamma 1 and beta 0 every token of every layer has mean 0 and variance 1.
  encoder_.forward(pass(nullptr), tensors_, nullptr, [&](int layer, const at::Tensor& h) {
    EXPECT_LT(h.mean(1).abs().max().item<double>(), 1e-5) << layer;
    EXPECT_LT((h.pow(2).mean(1) - 1.0).abs().max().item<double>(), 1e-4) << layer;
  });
}

TEST_F(EncoderTest, KeepingATapeDoesNotChangeTheOutput) {
  Tape tape;
  const at::Tensor with = encoder_.forward(pass(&tape), tensors_, nullptr);
  EXPECT_TRUE(at::equal(with, encoder_.forward(pass(nullptr), tensors_, nullptr)));
}

TEST_F(EncoderTest, HooksAreCalledInOrderAndBackInReverse) {
  RecordingHooks hooks;
  hooks.attention_term = true;
  gradients(&hooks, 0.1F);
  std::vector<std::string> forward;
  for (int layer = 0; layer < kLayers; ++layer) {
    for (const char* place : {"attention", "feed_forward", "layer"}) {
      forward.push_back(place + std::to_string(layer));
    }
  }
  forward.emplace_back("encoder0");
  std::vector<std::string> expected = forward;
  expected.insert(expected.end(), forward.rbegin(), forward.rend());
  EXPECT_EQ(hooks.calls, expected);
}

TEST_F(EncoderTest, HooksThatAddNothingChangeNothing) {
  for (const float dropout : {0.0F, 0.3F}) {
    const at::Tensor plain = gradients(nullptr, dropout);
    EXPECT_GT(plain.abs().max().item<double>(), 0.0);
    for (const bool attention_term : {false, true}) {
      RecordingHooks hooks;
      hooks.attention_term = attention_term;
      const at::Tensor hooked = gradients(&hooks, dropout);
      EXPECT_LT((hooked - plain).abs().max().item<double>(),
                2e-6 * plain.abs().max().item<double>())
          << "dropout " << dropout << " attention term " << attention_term;
    }
  }
}

// A narrowed pass gives the same outputs and gradients as a whole one of which only the queries are
// used.
TEST_F(EncoderTest, NarrowedPassEqualsTheWholeAtTheQueries) {
  PassRows narrowed = tensors_.rows;
  narrowed.cu_queries = narrowed.host_cu_queries = at::tensor({0, 3, 4}, at::kInt);
  const at::Tensor positions = at::tensor({0, 1, 2, 5}, at::kLong);
  narrowed.query_positions = positions;
  narrowed.query_keys = narrowed.token_keys.index_select(0, positions);
  RecordingHooks attending;
  attending.after_all = false;
  attending.attends = true;
  for (EncoderHooks* hooks :
       {static_cast<EncoderHooks*>(nullptr), static_cast<EncoderHooks*>(&attending)}) {
    Tape tape;
    Pass whole = pass(&tape, 0.3F), part = whole;
    part.rows = narrowed;
    arena_->gradients().zero_();
    const at::Tensor y = encoder_.forward(whole, tensors_, nullptr);
    const at::Tensor dy = weights_like(at::empty({4, 12}));
    at::Tensor dy_whole = at::zeros_like(y);
    dy_whole.index_copy_(0, positions, dy);
    encoder_.backward(whole, tensors_, dy_whole, nullptr);
    const at::Tensor expected = arena_->gradients().clone();

    arena_->gradients().zero_();
    const at::Tensor chosen = encoder_.forward(part, tensors_, hooks);
    ASSERT_EQ(chosen.sizes(), at::IntArrayRef({4, 12}));
    EXPECT_LT((chosen - y.index_select(0, positions)).abs().max().item<double>(), 1e-5);
    encoder_.backward(part, tensors_, dy, hooks);
    EXPECT_TRUE(tape.empty());
    EXPECT_LT((arena_->gradients() - expected).abs().max().item<double>(),
              2e-6 * expected.abs().max().item<double>());
  }
}

TEST_F(EncoderTest, PoolerIsTanhOfDense) {
  const at::Tensor first = weights_like(at::empty({2, 12}));
  const at::Tensor weight = arena_->weight(table_.find("pooler.dense.weight"));
  arena_->weight(table_.find("pooler.dense.bias")).fill_(0.25);
  const at::Tensor expected = at::tanh(at::mm(first, weight.t()) + 0.25);
  EXPECT_TRUE(at::allclose(pooler_.forward(pass(nullptr), first), expected, 1e-6, 1e-6));
}

}  // namespace
}  // namespace pals

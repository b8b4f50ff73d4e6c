#include "adapters/top.h"

namespace pals {

TopAttention::TopAttention(const AdapterBuild& build)
    : down_(build.table, build.prefix + "top.", {"down"}, build.bert.hidden_size, build.config.size,
            {build.owner}) {
  for (int i = 0; i < kNumBlocks; ++i) {
    const std::string prefix = build.prefix + "top.layer." + std::to_string(i) + ".";
    blocks_.emplace_back(build.table, prefix, prefix + "output.", build.config.size, kNumHeads,
                         build.bert.layer_norm_eps, build.owner);
  }
  up_ = Linear(build.table, build.prefix + "top.", {"up"}, build.config.size,
               build.bert.hidden_size, {build.owner});
}

// `layer` is the number of encoder layers: the blocks' dropout places follow the encoder's.
at::Tensor TopAttention::forward(const Pass& pass, int layer, const at::Tensor& x) const {
  pass.save(x);
  at::Tensor h = down_.forward(pass, x);  // [S, P]
  const Pass all = pass.of_all_tokens();
  for (int i = 0; i < kNumBlocks; ++i) {
    const Pass& block_pass = i == kNumBlocks - 1 ? pass : all;
    h = blocks_[static_cast<size_t>(i)].forward(block_pass, layer + i, h, nullptr);
  }
  pass.save(h);
  return up_.forward(pass, h);
}

at::Tensor TopAttention::backward(const Pass& pass, int layer, const at::Tensor& dy) const {
  const auto [h] = pass.take<1>();
  up_.backward_bias(pass, dy);
  up_.backward_weight(pass, dy, h);
  at::Tensor dh = up_.backward_input(pass, dy);
  const Pass all = pass.of_all_tokens();
  for (int i = kNumBlocks - 1; i >= 0; --i) {
    const Pass& block_pass = i == kNumBlocks - 1 ? pass : all;
    dh = blocks_[static_cast<size_t>(i)].backward(block_pass, layer + i, dh, nullptr);
  }
  const auto [x] = pass.take<1>();
  down_.backward_bias(pass, dh);
  down_.backward_weight(pass, dh, x);
  return down_.backward_input(pass, dh);
}

TopBertLayer::TopBertLayer(const AdapterBuild& build)
    : layer_(build.table, build.prefix + "top.bert_layer.", build.bert, build.owner) {}

at::Tensor TopBertLayer::forward(const Pass& pass, int layer, const at::Tensor& x) const {
  return layer_.forward(pass, layer, x, nullptr);
}

at::Tensor TopBertLayer::backward(const Pass& pass, int layer, const at::Tensor& dy) const {
  return layer_.backward(pass, layer, dy, nullptr);
}

void build_top_attention(const AdapterBuild& build, TaskAdapter& adapter) {
  adapter.after_encoder = std::make_unique<TopAttention>(build);
}

void build_top_bert_layer(const AdapterBuild& build, TaskAdapter& adapter) {
  adapter.after_encoder = std::make_unique<TopBertLayer>(build);
}

}  // namespace pals

#include "export/onnx_encoder.h"

#include "base/error.h"

namespace pals {
namespace {

// The end of a block: x through the dense layer, the residual, the adapter's terms, LayerNorm.
OnnxValue block_output(OnnxBlocks& blocks, const std::string& prefix, LayerBlock block, int layer,
                       const OnnxValue& x, const OnnxValue& residual, const OnnxValue& term,
                       const OnnxAdapter* adapter) {
  const OnnxValue dense =
      blocks.dense(prefix + "dense.", x, adapter != nullptr ? adapter->product_term : OnnxTerm());
  OnnxValue sum = blocks.add(dense, residual);
  if (!term.empty()) sum = blocks.add(sum, term);
  if (adapter != nullptr && adapter->block_term) {
    const OnnxValue read = adapter->reads_normalised ? blocks.layer_norm(prefix, sum) : dense;
    const OnnxValue more = adapter->block_term(block, layer, read);
    if (!more.empty()) sum = blocks.add(sum, more);
  }
  return blocks.layer_norm(prefix, sum);
}

}  // namespace

OnnxValue onnx_attention_block(OnnxBlocks& blocks, const std::string& prefix,
                               const std::string& output_prefix, int64_t num_heads,
                               const OnnxValue& h, int layer, const OnnxAdapter* adapter) {
  const OnnxTerm term = adapter != nullptr ? adapter->product_term : OnnxTerm();
  const OnnxValue context = blocks.attention(prefix + "self.", h, num_heads, term);
  return block_output(blocks, output_prefix, LayerBlock::kAttention, layer, context, h, "",
                      adapter);
}

OnnxValue onnx_layer(OnnxBlocks& blocks, const std::string& prefix, int layer, const OnnxValue& h,
                     const OnnxAdapter* adapter) {
  const BertConfig& bert = blocks.model().bert();
  const OnnxTerm product_term = adapter != nullptr ? adapter->product_term : OnnxTerm();
  const OnnxValue a =
      onnx_attention_block(blocks, prefix + "attention.", prefix + "attention.output.",
                           bert.num_attention_heads, h, layer, adapter);
  const OnnxValue inner = blocks.activation(
      bert.hidden_act, blocks.dense(prefix + "intermediate.dense.", a, product_term));
  OnnxValue term;
  if (adapter != nullptr && adapter->feed_forward_term) {
    term = adapter->feed_forward_term(layer, h, a);
  }
  const OnnxValue y = block_output(blocks, prefix + "output.", LayerBlock::kFeedForward, layer,
                                   inner, a, term, adapter);
  return adapter != nullptr && adapter->after_layer ? adapter->after_layer(layer, y) : y;
}

OnnxValue OnnxEncoder::shared_input(int layer) {
  if (inputs_.empty()) {
    blocks_.graph().set_scope("embeddings.");
    inputs_.push_back(blocks_.embeddings());
  }
  while (std::ssize(inputs_) <= layer) {
    const auto number = static_cast<int>(inputs_.size()) - 1;
    const std::string prefix = concat("encoder.layer.", number, ".");
    blocks_.graph().set_scope(prefix);
    inputs_.push_back(onnx_layer(blocks_, prefix, number, inputs_.back(), nullptr));
  }
  return inputs_[static_cast<size_t>(layer)];
}

OnnxValue OnnxEncoder::shared() {
  return shared_input(static_cast<int>(blocks_.model().bert().num_hidden_layers));
}

OnnxValue OnnxEncoder::of_task(size_t task) {
  const OnnxAdapter adapter = onnx_adapter(blocks_, task);
  OnnxValue h = shared_input(adapter.first_layer);
  const std::string& name = blocks_.model().tasks()[task].name;
  for (int layer = adapter.first_layer; layer < blocks_.model().bert().num_hidden_layers; ++layer) {
    const std::string prefix = concat("encoder.layer.", layer, ".");
    blocks_.graph().set_scope(concat(name, ".", prefix));
    h = onnx_layer(blocks_, prefix, layer, h, &adapter);
  }
  blocks_.graph().set_scope(name + ".top.");
  return adapter.after_encoder ? adapter.after_encoder(h) : h;
}

}  // namespace pals

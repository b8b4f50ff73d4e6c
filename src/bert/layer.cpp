#include "bert/layer.h"

// Shapes: S tokens of all rows, Q of them queries, H hidden_size, F intermediate_size.
namespace pals {
namespace {

// Where nearly all products are.
LinearOptions int8_layer(int owner) {
  LinearOptions options;
  options.owner = owner;
  options.int8 = true;
  return options;
}

void add_into(at::Tensor& sum, const at::Tensor& term) {
  if (!term.defined()) return;
  if (sum.defined()) {
    sum.add_(term);
  } else {
    sum = term;
  }
}

}  // namespace

AttentionBlock::AttentionBlock(ParameterTable& table, const std::string& prefix,
                               const std::string& output_prefix, int64_t hidden_size,
                               int64_t num_heads, double layer_norm_eps, int owner)
    : attention_(table, prefix + "self.", hidden_size, hidden_size, num_heads, int8_layer(owner)),
      output_(table, output_prefix, LayerBlock::kAttention, hidden_size, hidden_size,
              layer_norm_eps, int8_layer(owner)) {}

at::Tensor AttentionBlock::forward(const Pass& pass, int layer, const at::Tensor& h,
                                   EncoderHooks* hooks) const {
  AttentionHeads* beside = hooks != nullptr ? hooks->attention_beside(pass, layer, h) : nullptr;
  const at::Tensor context = attention_.forward(pass, layer, kAttentionProbabilities, h, beside);
  const Pass inner = pass.of_queries();
  pass.save(output_.kept(inner, context));
  return output_.forward(inner, layer, context, pass.queries(h), {}, hooks);
}

at::Tensor AttentionBlock::backward(const Pass& pass, int layer, const at::Tensor& dy,
                                    EncoderHooks* hooks) const {
  const Pass inner = pass.of_queries();
  const BlockOutput::Gradients gradients = output_.backward(inner, layer, dy, hooks);
  const auto [context] = pass.take<1>();
  const at::Tensor d_context = output_.backward_dense(inner, gradients.dense, context);
  return attention_.backward(pass, layer, kAttentionProbabilities, d_context, gradients.residual,
                             hooks != nullptr ? hooks->attention_beside_backward() : nullptr);
}

BertLayer::BertLayer(ParameterTable& table, const std::string& prefix, const BertConfig& config,
                     int owner)
    : attention_(table, prefix + "attention.", prefix + "attention.output.", config.hidden_size,
                 config.num_attention_heads, config.layer_norm_eps, owner),
      intermediate_(table, prefix + "intermediate.", {"dense"}, config.hidden_size,
                    config.intermediate_size, int8_layer(owner)),
      output_(table, prefix + "output.", LayerBlock::kFeedForward, config.intermediate_size,
              config.hidden_size, config.layer_norm_eps, int8_layer(owner)),
      activation_(config.hidden_act) {}

bool BertLayer::attends_to_all(const Pass& pass, int layer, const EncoderHooks* hooks) {
  return pass.narrowed() && hooks != nullptr && hooks->term_attends_to_attention(layer);
}

at::Tensor BertLayer::forward(const Pass& pass, int layer, const at::Tensor& h,
                              EncoderHooks* hooks) const {
  const bool to_all = attends_to_all(pass, layer, hooks);
  const Pass inner = pass.of_queries();
  const at::Tensor attended =
      attention_.forward(to_all ? pass.of_all_tokens() : pass, layer, h, hooks);
  const at::Tensor a = to_all ? pass.queries(attended) : attended;  // [Q, H]

  const auto [u, g] = intermediate_.activated(inner, activation_, a);  // [Q, F]
  pass.save(intermediate_.kept(inner, a), u, output_.kept(inner, g));
  at::Tensor term;
  if (hooks != nullptr) term = hooks->feed_forward_term(pass, layer, {h, attended});
  const at::Tensor y = output_.forward(inner, layer, g, a, term, hooks);
  return hooks != nullptr ? hooks->after_layer(inner, layer, y) : y;
}

at::Tensor BertLayer::backward(const Pass& pass, int layer, at::Tensor dy,
                               EncoderHooks* hooks) const {
  const bool to_all = attends_to_all(pass, layer, hooks);
  const Pass inner = pass.of_queries();
  if (hooks != nullptr) dy = hooks->after_layer_backward(inner, layer, dy);
  // The residual's share first; it is the term's gradient too.
  auto [da, dx] = output_.backward(inner, layer, dy, hooks);
  LayerActivations through_term;
  if (hooks != nullptr) hooks->feed_forward_term_backward(pass, layer, da, through_term);

  const auto [a, u, g] = pass.take<3>();
  const at::Tensor du = output_.backward_dense(inner, dx, g);
  intermediate_.backward_activated(inner, activation_, du, u, du);
  intermediate_.backward_weight(inner, du, a);
  intermediate_.backward_input_add(inner, du, da);
  if (to_all) {
    at::Tensor& d_attended = through_term.attention_output;  // [S, H]
    if (!d_attended.defined()) d_attended = pass.zeros({pass.num_tokens(), da.size(1)});
    pass.add_to_queries(d_attended, da);
    da = d_attended;
  } else {
    add_into(da, through_term.attention_output);
  }

  at::Tensor dh = attention_.backward(to_all ? pass.of_all_tokens() : pass, layer, da, hooks);
  add_into(dh, through_term.layer_input);
  if (hooks != nullptr) add_into(dh, hooks->after_attention_beside_backward(pass, layer));
  return dh;
}

}  // namespace pals

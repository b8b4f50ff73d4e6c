#include "bert/layer.h"

#include <cmath>

// Shapes: S tokens of all rows, H hidden_size, F intermediate_size, N heads.
namespace pals {
namespace {

// Query, key and value as views into the fused product [S, 3H].
struct Heads {
  at::Tensor query, key, value;
};

Heads split_heads(const at::Tensor& qkv) {
  const int64_t size = qkv.size(1) / 3;
  return {qkv.narrow(1, 0, size), qkv.narrow(1, size, size), qkv.narrow(1, 2 * size, size)};
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

double attention_scale(int64_t head_size) {
  return 1.0 / std::sqrt(static_cast<double>(head_size));
}

AttentionBlock::AttentionBlock(ParameterTable& table, const std::string& prefix,
                               const std::string& output_prefix, int64_t hidden_size,
                               int64_t num_heads, double layer_norm_eps, int owner)
    : qkv_(table, prefix + "self.", {"query", "key", "value"}, hidden_size, hidden_size, {owner}),
      dense_(table, output_prefix, {"dense"}, hidden_size, hidden_size, {owner}),
      layer_norm_(table, output_prefix, hidden_size, owner),
      num_heads_(num_heads),
      scale_(attention_scale(hidden_size / num_heads)),
      epsilon_(layer_norm_eps) {}

at::Tensor AttentionBlock::forward(const Pass& pass, int layer, const at::Tensor& h,
                                   EncoderHooks* hooks) const {
  const int64_t tokens = h.size(0);
  const at::Tensor qkv = qkv_.forward(pass, h);
  const Heads heads = split_heads(qkv);
  at::Tensor context = pass.empty(h.sizes());
  at::Tensor logsumexp = pass.empty_float({tokens, num_heads_});
  attention_forward(heads.query, heads.key, heads.value, pass.rows, num_heads_, scale_,
                    pass.attention_dropout(layer, kAttentionProbabilities), context, logsumexp);

  at::Tensor z = dense_.product(pass, context);
  Dropout dropout = pass.hidden_dropout(layer, kAttentionOutput);
  at::Tensor bias = dense_.bias(pass), term;
  pass.save(h, qkv, context, logsumexp);
  if (hooks != nullptr && hooks->has_attention_term(layer)) {
    // The term reads the dense output after dropout, so that cannot wait for the fused LayerNorm.
    bias_dropout_forward(z, bias, dropout, pass.rows.token_keys);
    term = hooks->after_attention_dense(pass, layer, z);
    z = pass.tape != nullptr ? z.clone() : z;
    bias = at::Tensor();
    dropout = Dropout();
  }
  at::Tensor y = pass.empty(h.sizes());
  at::Tensor mean = pass.empty_float({tokens}), rstd = pass.empty_float({tokens});
  dropout_add_layer_norm_forward(z, bias, h, term, layer_norm_.gamma(pass), layer_norm_.beta(pass),
                                 epsilon_, dropout, pass.rows.token_keys, y, mean, rstd);
  pass.save(z, mean, rstd);
  return y;
}

at::Tensor AttentionBlock::backward(const Pass& pass, int layer, const at::Tensor& dy,
                                    EncoderHooks* hooks) const {
  const bool has_term = hooks != nullptr && hooks->has_attention_term(layer);
  const Dropout dropout = pass.hidden_dropout(layer, kAttentionOutput);
  const at::Tensor& keys = pass.rows.token_keys;

  const auto [z, mean, rstd] = pass.take<3>();
  at::Tensor dh = pass.empty(dy.sizes());  // the residual's share first
  at::Tensor dx = has_term || !dropout.active() ? dh : pass.empty(dy.sizes());
  dropout_add_layer_norm_backward(dy, z, mean, rstd, layer_norm_.gamma(pass),
                                  has_term ? Dropout() : dropout, keys, dh, dx,
                                  layer_norm_.gamma_gradient(pass), layer_norm_.beta_gradient(pass),
                                  has_term ? at::Tensor() : dense_.bias_gradient(pass));
  if (has_term) {
    dx = dh.clone();
    hooks->after_attention_dense_backward(pass, layer, dh, dx);
    bias_dropout_backward(dx, dropout, keys, dx, dense_.bias_gradient(pass));
  }

  const auto [h, qkv, context, logsumexp] = pass.take<4>();
  dense_.backward_weight(pass, dx, context);
  const at::Tensor d_context = dense_.backward_input(pass, dx);
  const Heads heads = split_heads(qkv);
  at::Tensor d_qkv = pass.empty(qkv.sizes());
  Heads gradients = split_heads(d_qkv);
  attention_backward(d_context, heads.query, heads.key, heads.value, context, logsumexp, pass.rows,
                     num_heads_, scale_, pass.attention_dropout(layer, kAttentionProbabilities),
                     gradients.query, gradients.key, gradients.value);
  qkv_.backward_bias(pass, d_qkv);
  qkv_.backward_weight(pass, d_qkv, h);
  qkv_.backward_input_add(pass, d_qkv, dh);
  return dh;
}

BertLayer::BertLayer(ParameterTable& table, const std::string& prefix, const BertConfig& config,
                     int owner)
    : attention_(table, prefix + "attention.", prefix + "attention.output.", config.hidden_size,
                 config.num_attention_heads, config.layer_norm_eps, owner),
      intermediate_(table, prefix + "intermediate.", {"dense"}, config.hidden_size,
                    config.intermediate_size, {owner}),
      output_(table, prefix + "output.", {"dense"}, config.intermediate_size, config.hidden_size,
              {owner}),
      layer_norm_(table, prefix + "output.", config.hidden_size, owner),
      activation_(config.hidden_act),
      epsilon_(config.layer_norm_eps) {}

at::Tensor BertLayer::forward(const Pass& pass, int layer, const at::Tensor& h,
                              EncoderHooks* hooks) const {
  const int64_t tokens = h.size(0);
  const at::Tensor a = attention_.forward(pass, layer, h, hooks);  // [S, H]

  at::Tensor u = intermediate_.product(pass, a);  // [S, F]
  // Without a backward pass the activation can take u's place.
  at::Tensor g = pass.tape != nullptr ? pass.empty(u.sizes()) : u;
  bias_activation_forward(activation_, u, intermediate_.bias(pass), g);
  at::Tensor z = output_.product(pass, g);  // [S, H]
  pass.save(a, u, g);

  at::Tensor term;
  if (hooks != nullptr) term = hooks->feed_forward_term(pass, layer, {h, a});
  at::Tensor y = pass.empty(h.sizes());
  at::Tensor mean = pass.empty_float({tokens}), rstd = pass.empty_float({tokens});
  dropout_add_layer_norm_forward(
      z, output_.bias(pass), a, term, layer_norm_.gamma(pass), layer_norm_.beta(pass), epsilon_,
      pass.hidden_dropout(layer, kFeedForwardOutput), pass.rows.token_keys, y, mean, rstd);
  pass.save(z, mean, rstd);
  return hooks != nullptr ? hooks->after_layer(pass, layer, y) : y;
}

at::Tensor BertLayer::backward(const Pass& pass, int layer, at::Tensor dy,
                               EncoderHooks* hooks) const {
  if (hooks != nullptr) dy = hooks->after_layer_backward(pass, layer, dy);
  const Dropout dropout = pass.hidden_dropout(layer, kFeedForwardOutput);

  const auto [z, mean, rstd] = pass.take<3>();
  at::Tensor da =
      pass.empty(dy.sizes());  // the residual's share first; it is the term's gradient too
  at::Tensor dx = dropout.active() ? pass.empty(dy.sizes()) : da;
  dropout_add_layer_norm_backward(dy, z, mean, rstd, layer_norm_.gamma(pass), dropout,
                                  pass.rows.token_keys, da, dx, layer_norm_.gamma_gradient(pass),
                                  layer_norm_.beta_gradient(pass), output_.bias_gradient(pass));
  LayerActivations through_term;
  if (hooks != nullptr) hooks->feed_forward_term_backward(pass, layer, da, through_term);

  const auto [a, u, g] = pass.take<3>();
  output_.backward_weight(pass, dx, g);
  at::Tensor du = output_.backward_input(pass, dx);
  bias_activation_backward(activation_, du, u, du, intermediate_.bias_gradient(pass));
  intermediate_.backward_weight(pass, du, a);
  intermediate_.backward_input_add(pass, du, da);
  add_into(da, through_term.attention_output);

  at::Tensor dh = attention_.backward(pass, layer, da, hooks);
  add_into(dh, through_term.layer_input);
  return dh;
}

}  // namespace pals

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
      dense_(table, output_prefix, {"dense"}, hidden_size, hidden_size, int8_layer(owner)),
      layer_norm_(table, output_prefix, hidden_size, owner),
      epsilon_(layer_norm_eps) {}

at::Tensor AttentionBlock::forward(const Pass& pass, int layer, const at::Tensor& h,
                                   EncoderHooks* hooks) const {
  AttentionHeads* beside = hooks != nullptr ? hooks->attention_beside(pass, layer, h) : nullptr;
  const at::Tensor context = attention_.forward(pass, layer, kAttentionProbabilities, h, beside);
  const Pass inner = pass.of_queries();
  const at::Tensor& keys = inner.rows.token_keys;
  at::Tensor z = dense_.product(pass, context);
  Dropout dropout = pass.hidden_dropout(layer, kAttentionOutput);
  at::Tensor bias = dense_.bias(pass), term;
  pass.save(dense_.kept(pass, context));
  if (hooks != nullptr && hooks->has_attention_term(layer)) {
    // The term reads the dense output after dropout, so that cannot wait for the fused LayerNorm.
    bias_dropout_forward(z, bias, dropout, keys);
    term = hooks->after_attention_dense(inner, layer, z);
    z = pass.tape != nullptr ? z.clone() : z;
    bias = at::Tensor();
    dropout = Dropout();
  }
  at::Tensor y = pass.empty(z.sizes());
  at::Tensor mean = pass.empty_float({z.size(0)}), rstd = pass.empty_float({z.size(0)});
  dropout_add_layer_norm_forward(z, bias, pass.queries(h), term, layer_norm_.gamma(pass),
                                 layer_norm_.beta(pass), epsilon_, dropout, keys, y, mean, rstd);
  pass.save(z, mean, rstd);
  return y;
}

at::Tensor AttentionBlock::backward(const Pass& pass, int layer, const at::Tensor& dy,
                                    EncoderHooks* hooks) const {
  const bool has_term = hooks != nullptr && hooks->has_attention_term(layer);
  const Dropout dropout = pass.hidden_dropout(layer, kAttentionOutput);
  const Pass inner = pass.of_queries();
  const at::Tensor& keys = inner.rows.token_keys;

  const auto [z, mean, rstd] = pass.take<3>();
  at::Tensor dh = pass.empty(dy.sizes());  // the residual's share
  at::Tensor dx = has_term || !dropout.active() ? dh : pass.empty(dy.sizes());
  dropout_add_layer_norm_backward(dy, z, mean, rstd, layer_norm_.gamma(pass),
                                  has_term ? Dropout() : dropout, keys, dh, dx,
                                  layer_norm_.gamma_gradient(pass), layer_norm_.beta_gradient(pass),
                                  has_term ? at::Tensor() : dense_.bias_gradient(pass));
  if (has_term) {
    dx = dh.clone();
    hooks->after_attention_dense_backward(inner, layer, dh, dx);
    bias_dropout_backward(dx, dropout, keys, dx, dense_.bias_gradient(pass));
  }

  const auto [context] = pass.take<1>();
  dense_.backward_weight(pass, dx, context);
  return attention_.backward(pass, layer, kAttentionProbabilities, dense_.backward_input(pass, dx),
                             dh, hooks != nullptr ? hooks->attention_beside_backward() : nullptr);
}

BertLayer::BertLayer(ParameterTable& table, const std::string& prefix, const BertConfig& config,
                     int owner)
    : attention_(table, prefix + "attention.", prefix + "attention.output.", config.hidden_size,
                 config.num_attention_heads, config.layer_norm_eps, owner),
      intermediate_(table, prefix + "intermediate.", {"dense"}, config.hidden_size,
                    config.intermediate_size, int8_layer(owner)),
      output_(table, prefix + "output.", {"dense"}, config.intermediate_size, config.hidden_size,
              int8_layer(owner)),
      layer_norm_(table, prefix + "output.", config.hidden_size, owner),
      activation_(config.hidden_act),
      epsilon_(config.layer_norm_eps) {}

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

  const auto [u, g] = intermediate_.activated(pass, activation_, a);  // [Q, F]
  at::Tensor z = output_.product(pass, g);                            // [Q, H]
  pass.save(intermediate_.kept(pass, a), u, output_.kept(pass, g));

  at::Tensor term;
  if (hooks != nullptr) term = hooks->feed_forward_term(pass, layer, {h, attended});
  at::Tensor y = pass.empty(z.sizes());
  at::Tensor mean = pass.empty_float({z.size(0)}), rstd = pass.empty_float({z.size(0)});
  dropout_add_layer_norm_forward(
      z, output_.bias(pass), a, term, layer_norm_.gamma(pass), layer_norm_.beta(pass), epsilon_,
      pass.hidden_dropout(layer, kFeedForwardOutput), inner.rows.token_keys, y, mean, rstd);
  pass.save(z, mean, rstd);
  return hooks != nullptr ? hooks->after_layer(inner, layer, y) : y;
}

at::Tensor BertLayer::backward(const Pass& pass, int layer, at::Tensor dy,
                               EncoderHooks* hooks) const {
  const bool to_all = attends_to_all(pass, layer, hooks);
  const Pass inner = pass.of_queries();
  if (hooks != nullptr) dy = hooks->after_layer_backward(inner, layer, dy);
  const Dropout dropout = pass.hidden_dropout(layer, kFeedForwardOutput);

  const auto [z, mean, rstd] = pass.take<3>();
  at::Tensor da =
      pass.empty(dy.sizes());  // the residual's share first; it is the term's gradient too
  at::Tensor dx = dropout.active() ? pass.empty(dy.sizes()) : da;
  dropout_add_layer_norm_backward(dy, z, mean, rstd, layer_norm_.gamma(pass), dropout,
                                  inner.rows.token_keys, da, dx, layer_norm_.gamma_gradient(pass),
                                  layer_norm_.beta_gradient(pass), output_.bias_gradient(pass));
  LayerActivations through_term;
  if (hooks != nullptr) hooks->feed_forward_term_backward(pass, layer, da, through_term);

  const auto [a, u, g] = pass.take<3>();
  output_.backward_weight(pass, dx, g);
  at::Tensor du = output_.backward_input(pass, dx);
  bias_activation_backward(activation_, du, u, du, intermediate_.bias_gradient(pass));
  intermediate_.backward_weight(pass, du, a);
  intermediate_.backward_input_add(pass, du, da);
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

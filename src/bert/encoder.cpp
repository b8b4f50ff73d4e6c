#include "bert/encoder.h"

namespace pals {
namespace {

ParameterId add_table(ParameterTable& table, const char* name, int64_t rows, int64_t columns) {
  Parameter row;
  row.name = std::string("embeddings.") + name + ".weight";
  row.shape = {rows, columns};
  return table.add(std::move(row));
}

}  // namespace

Embeddings::Embeddings(ParameterTable& table, const BertConfig& config)
    : word_(add_table(table, "word_embeddings", config.vocab_size, config.hidden_size)),
      position_(add_table(table, "position_embeddings", config.max_position_embeddings,
                          config.hidden_size)),
      token_type_(
          add_table(table, "token_type_embeddings", config.type_vocab_size, config.hidden_size)),
      layer_norm_(table, "embeddings.", config.hidden_size),
      hidden_size_(config.hidden_size),
      epsilon_(config.layer_norm_eps) {}

at::Tensor Embeddings::forward(const Pass& pass, const BatchTensors& batch) const {
  const at::Tensor z = pass.empty({batch.token_ids.size(0), hidden_size_});
  embedding_forward({.token_ids = batch.token_ids,
                     .position_ids = batch.position_ids,
                     .token_type_ids = batch.token_type_ids,
                     .word = pass.arena.weight(word_),
                     .position = pass.arena.weight(position_),
                     .token_type = pass.arena.weight(token_type_),
                     .out = z});
  AddLayerNorm block = layer_norm_.forward_block(pass, epsilon_, z, pass.empty(z.sizes()));
  add_layer_norm_forward(block);
  pass.save(z, block.mean, block.rstd);
  const Dropout dropout = pass.hidden_dropout(0, kEmbeddings);
  if (dropout.active()) {
    bias_dropout_forward({.x = block.y, .dropout = dropout, .token_keys = pass.rows.token_keys});
  }
  return block.y;
}

void Embeddings::backward(const Pass& pass, const BatchTensors& batch, at::Tensor dy) const {
  const Dropout dropout = pass.hidden_dropout(0, kEmbeddings);
  if (dropout.active()) {
    BiasDropout dropped{.dropout = dropout, .token_keys = pass.rows.token_keys, .dy = dy, .dx = dy};
    bias_dropout_backward(dropped);
  }
  AddLayerNorm block = layer_norm_.backward_block(pass, dy, dy);
  add_layer_norm_backward(block);
  embedding_backward({.token_ids = batch.token_ids,
                      .position_ids = batch.position_ids,
                      .token_type_ids = batch.token_type_ids,
                      .word = pass.arena.gradient(word_),
                      .position = pass.arena.gradient(position_),
                      .token_type = pass.arena.gradient(token_type_),
                      .out = dy});
}

Pooler::Pooler(ParameterTable& table, const std::string& prefix, int64_t hidden_size, int owner)
    : dense_(table, prefix + "pooler.", {"dense"}, hidden_size, hidden_size, {owner}) {}

at::Tensor Pooler::forward(const Pass& pass, const at::Tensor& first) const {
  at::Tensor pooled = dense_.forward(pass, first).tanh_();
  pass.save(first, pooled);
  return pooled;
}

at::Tensor Pooler::backward(const Pass& pass, const at::Tensor& d_pooled) const {
  const auto [first, pooled] = pass.take<2>();
  const at::Tensor dx = at::tanh_backward(d_pooled, pooled);
  dense_.backward_weight(pass, dx, first);
  dense_.backward_bias(pass, dx);
  return dense_.backward_input(pass, dx);
}

BertEncoder::BertEncoder(ParameterTable& table, const BertConfig& config)
    : embeddings_(table, config) {
  table.set_depth(0, 0);
  for (int i = 0; i < config.num_hidden_layers; ++i) {
    const ParameterId first = table.next();
    layers_.emplace_back(table, "encoder.layer." + std::to_string(i) + ".", config, kSharedOwner);
    table.set_depth(first, i + 1);
  }
}

namespace {

Pass with_tape(const Pass& pass, Tape* tape) {
  Pass other = pass;
  other.tape = tape;
  return other;
}

}  // namespace

bool BertEncoder::narrows_layer(int layer, const EncoderHooks* hooks) const {
  return layer == num_layers() - 1 && (hooks == nullptr || !hooks->has_after_encoder());
}

at::Tensor BertEncoder::forward(const Pass& pass, const BatchTensors& batch, EncoderHooks* hooks,
                                const LayerObserver& observer) const {
  const Pass all = pass.of_all_tokens();
  const bool embeddings_train = pass.trains_from < 0;
  at::Tensor h = embeddings_.forward(embeddings_train ? all : with_tape(all, nullptr), batch);
  const int last = num_layers() - 1;
  for (int i = 0; i <= last; ++i) {
    const Pass& own = narrows_layer(i, hooks) ? pass : all;
    const bool trains = i >= pass.trains_from;
    if (pass.recompute && trains) pass.save(h);
    const bool keeps = trains && !pass.recompute;
    h = layers_[static_cast<size_t>(i)].forward(keeps ? own : with_tape(own, nullptr), i, h, hooks);
    if (i == last && hooks != nullptr && hooks->has_after_encoder()) {
      h = hooks->after_encoder(pass, h);
    }
    if (observer) observer(i, h);
  }
  return h;
}

void BertEncoder::backward(const Pass& pass, const BatchTensors& batch, at::Tensor dy,
                           EncoderHooks* hooks, const LayerDone& done) const {
  const Pass all = pass.of_all_tokens();
  if (hooks != nullptr && hooks->has_after_encoder()) dy = hooks->after_encoder_backward(pass, dy);
  for (int i = num_layers() - 1; i >= 0; --i) {
    const BertLayer& layer = layers_[static_cast<size_t>(i)];
    const Pass& own = narrows_layer(i, hooks) ? pass : all;
    if (i < pass.trains_from) {
      // Nothing trains here or below.
    } else if (pass.recompute) {
      // Dropout's masks are keyed, so that they come out the same (Chen et al. 2016).
      const auto [h] = pass.take<1>();
      Tape tape;
      const Pass again = with_tape(own, &tape);
      layer.forward(again, i, h, hooks);
      dy = layer.backward(again, i, dy, hooks);
    } else {
      dy = layer.backward(own, i, dy, hooks);
    }
    if (pass.beside != nullptr) pass.beside->settle();
    if (done) done(i);
  }
  if (pass.trains_from < 0) embeddings_.backward(all, batch, dy);
}

}  // namespace pals

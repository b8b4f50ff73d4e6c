#include "eager_peer.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <utility>

#include "base/error.h"

namespace pals::bench {
namespace {

constexpr int64_t kAdapterHeads = 6;
constexpr double kLayerNormEpsilon = 1e-12;
constexpr double kMaskedScore = -10000.0;

bool ends_with(const std::string& text, const std::string& ending) {
  return text.size() >= ending.size() &&
         text.compare(text.size() - ending.size(), ending.size(), ending) == 0;
}

/// [B, T, P] to [B, N, T, P/N].
at::Tensor split_heads(const at::Tensor& x, int64_t num_heads) {
  return x.view({x.size(0), x.size(1), num_heads, x.size(2) / num_heads}).permute({0, 2, 1, 3});
}

}  // namespace

at::Tensor EagerLayerNorm::operator()(const at::Tensor& x) const {
  return at::layer_norm(x, {x.size(-1)}, gamma, beta, kLayerNormEpsilon);
}

at::Tensor EagerSelfAttention::operator()(const at::Tensor& x, const at::Tensor& additive_mask,
                                          bool training) const {
  const at::Tensor q = split_heads(query(x), num_heads);
  const at::Tensor k = split_heads(key(x), num_heads);
  const at::Tensor v = split_heads(value(x), num_heads);
  at::Tensor scores = at::matmul(q, k.transpose(-1, -2));  // [B, N, T, T]
  scores = scores / std::sqrt(static_cast<double>(x.size(2) / num_heads));
  scores = scores + additive_mask;
  const at::Tensor probabilities = at::dropout(at::softmax(scores, -1), dropout, training);
  const at::Tensor context = at::matmul(probabilities, v);  // [B, N, T, P/N]
  return context.permute({0, 2, 1, 3}).contiguous().view({x.size(0), x.size(1), x.size(2)});
}

at::Tensor EagerProjectedAttention::operator()(const at::Tensor& x, const at::Tensor& additive_mask,
                                               bool training) const {
  return at::gelu(up(attention(down(x), additive_mask, training)));
}

at::Tensor EagerLayer::operator()(const at::Tensor& x, const at::Tensor& additive_mask,
                                  int64_t task, bool training) const {
  at::Tensor attended = attention_output(attention(x, additive_mask, training));
  attended = attention_norm(at::dropout(attended, dropout, training) + x);
  const at::Tensor fed = output(at::gelu(intermediate(attended)));
  at::Tensor sum = at::dropout(fed, dropout, training) + attended;
  if (!adapters.empty()) {
    sum = sum + adapters.at(static_cast<size_t>(task))(x, additive_mask, training);
  }
  return output_norm(sum);
}

EagerPeer::EagerPeer(const EagerConfig& config, uint64_t seed)
    : config_(config), generator_(at::make_generator<at::CPUGeneratorImpl>(seed)) {
  if (config.hidden_size % config.num_attention_heads != 0) {
    fail_usage("hidden size ", config.hidden_size, " does not divide into ",
               config.num_attention_heads, " heads");
  }
  if (config.adapter_size % kAdapterHeads != 0) {
    fail_usage("adapter size ", config.adapter_size, " does not divide into ", kAdapterHeads,
               " heads");
  }
  const std::string embeddings = "bert.embeddings.";
  const int64_t hidden = config.hidden_size;
  word_embeddings_ =
      add_parameter(embeddings + "word_embeddings.weight", normal({config.vocab_size, hidden}));
  position_embeddings_ = add_parameter(embeddings + "position_embeddings.weight",
                                       normal({config.max_position_embeddings, hidden}));
  token_type_embeddings_ = add_parameter(embeddings + "token_type_embeddings.weight",
                                         normal({config.type_vocab_size, hidden}));
  embedding_norm_ = make_layer_norm(embeddings + "LayerNorm");
  for (int64_t index = 0; index < config.num_hidden_layers; ++index) {
    layers_.push_back(make_layer(index));
  }
  pooler_ = make_linear("bert.pooler.dense", hidden, hidden);
  for (size_t task = 0; task < config.task_outputs.size(); ++task) {
    classifiers_.push_back(
        make_linear(concat("classifier.", task), hidden, config.task_outputs[task]));
  }
}

at::Tensor EagerPeer::add_parameter(const std::string& name, at::Tensor value) {
  value.requires_grad_();
  parameters_.push_back({name, value});
  return value;
}

at::Tensor EagerPeer::normal(at::IntArrayRef shape) {
  return at::empty(shape, at::kFloat).normal_(0.0, config_.initializer_range, generator_);
}

EagerLinear EagerPeer::make_linear(const std::string& name, int64_t in, int64_t out) {
  EagerLinear linear;
  linear.weight = add_parameter(name + ".weight", normal({out, in}));
  linear.bias = add_parameter(name + ".bias", at::zeros({out}));
  return linear;
}

EagerLayerNorm EagerPeer::make_layer_norm(const std::string& name) {
  EagerLayerNorm norm;
  norm.gamma = add_parameter(name + ".gamma", at::ones({config_.hidden_size}));
  norm.beta = add_parameter(name + ".beta", at::zeros({config_.hidden_size}));
  return norm;
}

EagerSelfAttention EagerPeer::make_attention(const std::string& name, int64_t size,
                                             int64_t num_heads) {
  EagerSelfAttention attention;
  attention.query = make_linear(name + ".query", size, size);
  attention.key = make_linear(name + ".key", size, size);
  attention.value = make_linear(name + ".value", size, size);
  attention.num_heads = num_heads;
  attention.dropout = config_.dropout;
  return attention;
}

EagerLayer EagerPeer::make_layer(int64_t index) {
  const int64_t hidden = config_.hidden_size;
  const std::string name = concat("bert.encoder.layer.", index, ".");
  EagerLayer layer;
  layer.dropout = config_.dropout;
  layer.attention = make_attention(name + "attention.self", hidden, config_.num_attention_heads);
  layer.attention_output = make_linear(name + "attention.output.dense", hidden, hidden);
  layer.attention_norm = make_layer_norm(name + "attention.output.LayerNorm");
  layer.intermediate = make_linear(name + "intermediate.dense", hidden, config_.intermediate_size);
  layer.output = make_linear(name + "output.dense", config_.intermediate_size, hidden);
  layer.output_norm = make_layer_norm(name + "output.LayerNorm");
  if (config_.adapter_size == 0) return layer;
  for (size_t task = 0; task < config_.task_outputs.size(); ++task) {
    const std::string adapter_name = concat(name, "multi_layers.", task, ".");
    EagerProjectedAttention adapter;
    adapter.attention = make_attention(adapter_name + "attn", config_.adapter_size, kAdapterHeads);
    if (index == 0) {
      adapter.down = make_linear(adapter_name + "aug_dense", hidden, config_.adapter_size);
      adapter.up = make_linear(adapter_name + "aug_dense2", config_.adapter_size, hidden);
    } else {
      adapter.down = layers_.front().adapters[task].down;
      adapter.up = layers_.front().adapters[task].up;
    }
    layer.adapters.push_back(std::move(adapter));
  }
  return layer;
}

EagerOutputs EagerPeer::forward(const PaddedBatch& batch, bool training) const {
  const at::Tensor mask = batch.attention_mask.unsqueeze(1).unsqueeze(2).to(at::kFloat);
  const at::Tensor additive_mask = (1.0 - mask) * kMaskedScore;  // [B, 1, 1, T]
  const at::Tensor positions =
      at::arange(batch.input_ids.size(1), at::kLong).unsqueeze(0).expand_as(batch.input_ids);
  at::Tensor x = at::embedding(word_embeddings_, batch.input_ids) +
                 at::embedding(position_embeddings_, positions) +
                 at::embedding(token_type_embeddings_, batch.token_type_ids);
  x = at::dropout(embedding_norm_(x), config_.dropout, training);

  EagerOutputs outputs;
  for (const EagerLayer& layer : layers_) {
    x = layer(x, additive_mask, batch.task, training);
    outputs.encoder_layers.push_back(x);
  }
  outputs.pooled = at::tanh(pooler_(x.select(1, 0)));
  const at::Tensor dropped = at::dropout(outputs.pooled, config_.dropout, training);
  outputs.logits = classifiers_.at(static_cast<size_t>(batch.task))(dropped);
  outputs.loss = outputs.logits.size(1) == 1 ? at::mse_loss(outputs.logits.view(-1), batch.labels)
                                             : at::cross_entropy_loss(outputs.logits, batch.labels);
  return outputs;
}

EagerBertAdam::EagerBertAdam(const std::vector<NamedParameter>& parameters) {
  for (const NamedParameter& parameter : parameters) {
    Entry entry;
    entry.value = parameter.value;
    entry.decays = !ends_with(parameter.name, ".bias") && !ends_with(parameter.name, ".gamma") &&
                   !ends_with(parameter.name, ".beta");
    entries_.push_back(std::move(entry));
  }
}

void EagerBertAdam::zero_grad() {
  for (Entry& entry : entries_) entry.value.mutable_grad().reset();
}

void EagerBertAdam::step(double learning_rate) {
  constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-6, kDecay = 0.01, kMaxNorm = 1.0;
  const at::NoGradGuard no_grad;
  for (Entry& entry : entries_) {
    const at::Tensor& gradient = entry.value.grad();
    if (!gradient.defined()) continue;
    if (!entry.first_moment.defined()) {
      entry.first_moment = at::zeros_like(entry.value);
      entry.second_moment = at::zeros_like(entry.value);
    }
    gradient.mul_((kMaxNorm / (gradient.norm() + 1e-6)).clamp_max(1.0));
    entry.first_moment.mul_(kBeta1).add_(gradient, 1.0 - kBeta1);
    entry.second_moment.mul_(kBeta2).addcmul_(gradient, gradient, 1.0 - kBeta2);
    at::Tensor update = entry.first_moment / (entry.second_moment.sqrt() + kEpsilon);
    if (entry.decays) update.add_(entry.value, kDecay);
    entry.value.add_(update, -learning_rate);
  }
}

double eager_train_step(const EagerPeer& model, EagerBertAdam& optimizer, const PaddedBatch& batch,
                        double learning_rate) {
  const EagerOutputs outputs = model.forward(batch, true);
  outputs.loss.backward();
  const double loss = outputs.loss.item<double>();
  optimizer.step(learning_rate);
  optimizer.zero_grad();
  return loss;
}

}  // namespace pals::bench

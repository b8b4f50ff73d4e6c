// Embeddings, the stack of layers, and the pooler.
#pragma once

#include <functional>
#include <vector>

#include "bert/layer.h"

namespace pals {

/// Word + position + token type, LayerNorm, dropout.
class Embeddings {
 public:
  Embeddings() = default;
  Embeddings(ParameterTable& table, const BertConfig& config);

  at::Tensor forward(const Pass& pass, const BatchTensors& batch) const;  ///< [S, H]
  void backward(const Pass& pass, const BatchTensors& batch, at::Tensor dy) const;

  int64_t hidden_size() const { return hidden_size_; }

 private:
  ParameterId word_ = -1, position_ = -1, token_type_ = -1;
  LayerNorm layer_norm_;
  int64_t hidden_size_ = 0;
  double epsilon_ = 1e-12;
};

/// tanh(dense(first token of each row)).
class Pooler {
 public:
  Pooler() = default;
  Pooler(ParameterTable& table, const std::string& prefix, int64_t hidden_size, int owner);

  /// first [B, H] -> [B, H].
  at::Tensor forward(const Pass& pass, const at::Tensor& first) const;
  at::Tensor backward(const Pass& pass, const at::Tensor& d_pooled) const;

 private:
  Linear dense_;
};

/// The shared part of the network.
class BertEncoder {
 public:
  BertEncoder(ParameterTable& table, const BertConfig& config);

  /// Sees each layer's output [S, H], in order; after_encoder has been applied to the last.
  using LayerObserver = std::function<void(int layer, const at::Tensor& y)>;

  /// The last hidden states of the pass's queries, [Q, H]. `hooks` may be null.
  at::Tensor forward(const Pass& pass, const BatchTensors& batch, EncoderHooks* hooks,
                     const LayerObserver& observer = nullptr) const;
  /// Hears of each layer, from the last to the first, once its gradients are complete.
  using LayerDone = std::function<void(int layer)>;

  /// Accumulates all gradients, from that of the last hidden states, down to the first layer that
  /// trains (Pass::trains_from); nothing is done for those below it.
  void backward(const Pass& pass, const BatchTensors& batch, at::Tensor dy, EncoderHooks* hooks,
                const LayerDone& done = nullptr) const;

  int num_layers() const { return static_cast<int>(layers_.size()); }
  int64_t hidden_size() const { return embeddings_.hidden_size(); }

 private:
  /// Whether the layer is the last to work, which outputs the queries alone.
  bool narrows_layer(int layer, const EncoderHooks* hooks) const;

  Embeddings embeddings_;
  std::vector<BertLayer> layers_;
};

}  // namespace pals

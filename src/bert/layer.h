// One BERT layer: self-attention, feed-forward, and their residual LayerNorms, forward and
// backward.
#pragma once

#include <string>

#include "bert/config.h"
#include "bert/hooks.h"
#include "nn/linear.h"

namespace pals {

/// 1 / sqrt(head_size): what scores are multiplied by.
double attention_scale(int64_t head_size);

/// Attention with its output block: LayerNorm(dropout(dense(SA(h))) + h). Used by BERT's layers at
/// H and by attention on top at P.
class AttentionBlock {
 public:
  AttentionBlock() = default;
  /// Registers `<prefix>self.{query,key,value}`, `<output_prefix>dense` and
  /// `<output_prefix>LayerNorm`.
  AttentionBlock(ParameterTable& table, const std::string& prefix, const std::string& output_prefix,
                 int64_t hidden_size, int64_t num_heads, double layer_norm_eps, int owner);

  /// h [S, H] -> [S, H]. `hooks` may be null.
  at::Tensor forward(const Pass& pass, int layer, const at::Tensor& h, EncoderHooks* hooks) const;
  /// Gradient of h.
  at::Tensor backward(const Pass& pass, int layer, const at::Tensor& dy, EncoderHooks* hooks) const;

 private:
  Linear qkv_, dense_;
  LayerNorm layer_norm_;
  int64_t num_heads_ = 1;
  double scale_ = 1.0, epsilon_ = 1e-12;
};

/// A whole BERT layer (reference-system, section 1).
class BertLayer {
 public:
  BertLayer() = default;
  /// Registers the layer's parameters under `prefix` ("encoder.layer.0.").
  BertLayer(ParameterTable& table, const std::string& prefix, const BertConfig& config, int owner);

  /// h [S, H] -> [S, H]. `layer` numbers dropout places and hooks; `hooks` may be null.
  at::Tensor forward(const Pass& pass, int layer, const at::Tensor& h, EncoderHooks* hooks) const;
  at::Tensor backward(const Pass& pass, int layer, at::Tensor dy, EncoderHooks* hooks) const;

 private:
  AttentionBlock attention_;
  Linear intermediate_, output_;
  LayerNorm layer_norm_;
  Activation activation_ = Activation::kGelu;
  double epsilon_ = 1e-12;
};

}  // namespace pals

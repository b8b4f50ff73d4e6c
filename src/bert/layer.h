// One BERT layer: self-attention, feed-forward, and their residual LayerNorms, forward and
// backward.
#pragma once

#include <string>

#include "bert/block_output.h"
#include "bert/config.h"
#include "bert/self_attention.h"

namespace pals {

/// Attention with its output block: LayerNorm(dropout(dense(SA(h))) + h). Used by BERT's layers at
/// H and by attention on top at P.
class AttentionBlock {
 public:
  AttentionBlock() = default;
  /// Registers `<prefix>self.{query,key,value}`, `<output_prefix>dense` and
  /// `<output_prefix>LayerNorm`.
  AttentionBlock(ParameterTable& table, const std::string& prefix, const std::string& output_prefix,
                 int64_t hidden_size, int64_t num_heads, double layer_norm_eps, int owner);

  /// h [S, H] -> [Q, H]. `hooks` may be null.
  at::Tensor forward(const Pass& pass, int layer, const at::Tensor& h, EncoderHooks* hooks) const;
  /// Gradient of h [S, H], from that of the output.
  at::Tensor backward(const Pass& pass, int layer, const at::Tensor& dy, EncoderHooks* hooks) const;

 private:
  SelfAttention attention_;
  BlockOutput output_;
};

/// A whole BERT layer (reference-system, section 1).
class BertLayer {
 public:
  BertLayer() = default;
  /// Registers the layer's parameters under `prefix` ("encoder.layer.0.").
  BertLayer(ParameterTable& table, const std::string& prefix, const BertConfig& config, int owner);

  /// h [S, H] -> [Q, H]. `layer` numbers dropout places and hooks; `hooks` may be null.
  at::Tensor forward(const Pass& pass, int layer, const at::Tensor& h, EncoderHooks* hooks) const;
  at::Tensor backward(const Pass& pass, int layer, at::Tensor dy, EncoderHooks* hooks) const;

 private:
  /// Whether the attention's outputs are needed of all tokens though the layer's are not.
  static bool attends_to_all(const Pass& pass, int layer, const EncoderHooks* hooks);

  AttentionBlock attention_;
  Linear intermediate_;
  BlockOutput output_;
  Activation activation_ = Activation::kGelu;
};

}  // namespace pals

// The places where something task-specific can be added to the shared encoder.
#pragma once

#include <vector>

#include "modules/pass.h"

namespace pals {

/// What a layer's feed-forward term may read.
struct LayerActivations {
  at::Tensor layer_input;       ///< h, [S, H]
  at::Tensor attention_output;  ///< after the attention's LayerNorm, [Q, H]; [S, H] for a term that
                                ///< attends to it
};

/// The two blocks of a layer; each ends with LayerNorm(x + residual), x its dense output after
/// dropout.
enum class LayerBlock { kAttention, kFeedForward };

/// What a term reads that is added at the end of a block: LayerNorm(x + residual + term).
enum class TermReads {
  kNothing,    ///< there is no term
  kDense,      ///< x
  kNormalised  ///< LayerNorm(x + residual)
};

/// A run of a pass's tokens whose terms read the same.
struct TokenRun {
  int64_t first = 0, count = 0;
  TermReads reads = TermReads::kNothing;
};

/// The encoder calls these and knows nothing of what stands behind them. A term that is absent is
/// an undefined tensor. Passes may be narrowed (Pass: Q of S tokens) in feed_forward_term and
/// after_encoder; the other places see the queries alone. Forward calls come layer by layer,
/// backward calls in exactly the reverse order.
class EncoderHooks {
 public:
  virtual ~EncoderHooks() = default;

  /// All tokens of the pass, in order, by what the term at the end of this block reads.
  virtual std::vector<TokenRun> dense_term_runs(const Pass& pass, LayerBlock block,
                                                int layer) const = 0;
  /// The term of the tokens whose runs read this, zero for others. x has what they read in their
  /// rows.
  virtual at::Tensor dense_term(const Pass& pass, LayerBlock block, int layer, TermReads reads,
                                const at::Tensor& x) = 0;
  /// Adds to dx what reaches x through the term.
  virtual void dense_term_backward(const Pass& pass, LayerBlock block, int layer, TermReads reads,
                                   const at::Tensor& d_term, at::Tensor& dx) = 0;

  /// An attention over the layer's rows that is computed beside the layer's own
  /// (Attention::heads): it reads h alone, and its context goes into this layer's
  /// feed_forward_term. Null: none. Backward, from feed_forward_term_backward on, its gradients are
  /// computed beside the layer's as well, and then gives the gradient of h [S, H] that goes through
  /// them (undefined: none).
  virtual AttentionHeads* attention_beside(const Pass& /*pass*/, int /*layer*/,
                                           const at::Tensor& /*h*/) {
    return nullptr;
  }
  virtual AttentionHeads* attention_beside_backward() { return nullptr; }
  virtual at::Tensor after_attention_beside_backward(const Pass& /*pass*/, int /*layer*/) {
    return {};
  }

  /// Whether the feed-forward term of one token reads the attention outputs of others.
  virtual bool term_attends_to_attention(int layer) const = 0;
  /// A term inside the output LayerNorm, [Q, H].
  virtual at::Tensor feed_forward_term(const Pass& pass, int layer,
                                       const LayerActivations& activations) = 0;
  /// Adds to the gradients of what the term read; they are undefined tensors when nothing stands in
  /// them yet, and stay so if the term did not read that activation.
  virtual void feed_forward_term_backward(const Pass& pass, int layer, const at::Tensor& d_term,
                                          LayerActivations& gradients) = 0;

  /// The layer's output [Q, H], or what takes its place.
  virtual at::Tensor after_layer(const Pass& pass, int layer, const at::Tensor& y) = 0;
  virtual at::Tensor after_layer_backward(const Pass& pass, int layer, const at::Tensor& dy) = 0;

  /// Whether after_encoder does anything.
  virtual bool has_after_encoder() const = 0;
  /// What takes the place of the last layer's output y [S, H]: [Q, H].
  virtual at::Tensor after_encoder(const Pass& pass, const at::Tensor& y) = 0;
  virtual at::Tensor after_encoder_backward(const Pass& pass, const at::Tensor& dy) = 0;
};

}  // namespace pals

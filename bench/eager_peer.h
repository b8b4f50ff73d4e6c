// The peer of the timings: BERT with PALs written the straightforward way on LibTorch's eager
// autograd.
//
// Padded batches, fp32, module by module and tensor by tensor, as the reference does it in PyTorch;
// the operators are those a good PyTorch program would call (linear, softmax, gelu, layer_norm,
// dropout). It shares no code with the rooms under src/. B rows, T tokens, H hidden_size, N heads,
// P adapter size, C outputs of a task's head.
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pals::bench {

/// Sizes of the model. The defaults are BERT-base uncased with PALs(204).
struct EagerConfig {
  int64_t vocab_size = 30522;
  int64_t hidden_size = 768;
  int64_t num_hidden_layers = 12;
  int64_t num_attention_heads = 12;
  int64_t intermediate_size = 3072;
  int64_t max_position_embeddings = 512;
  int64_t type_vocab_size = 2;
  int64_t adapter_size = 204;  ///< 0: no adapters
  double dropout = 0.1;
  double initializer_range = 0.02;
  std::vector<int64_t> task_outputs;  ///< C of each task; 1: regression
};

/// One padded batch of one task: ids, types and mask [B, T] int64; labels [B], int64 classes, or
/// fp32 values for regression.
struct PaddedBatch {
  int64_t task = 0;
  at::Tensor input_ids, token_type_ids, attention_mask, labels;
};

/// What a forward pass returns: L tensors [B, T, H], pooled [B, H], logits [B, C], loss [].
struct EagerOutputs {
  std::vector<at::Tensor> encoder_layers;
  at::Tensor pooled, logits, loss;
};

/// A parameter under the reference's name. Tied matrices appear once, under their first name.
struct NamedParameter {
  std::string name;
  at::Tensor value;
};

/// A fully connected layer: weight [out, in], bias [out].
struct EagerLinear {
  at::Tensor weight, bias;
  at::Tensor operator()(const at::Tensor& x) const { return at::linear(x, weight, bias); }
};

/// Scale and shift of a LayerNorm, [H] each.
struct EagerLayerNorm {
  at::Tensor gamma, beta;
  at::Tensor operator()(const at::Tensor& x) const;
};

/// Multi-head self-attention without the output projection.
struct EagerSelfAttention {
  EagerLinear query, key, value;
  int64_t num_heads = 0;
  double dropout = 0.0;
  /// x [B, T, P]; additive_mask [B, 1, 1, T]; returns [B, T, P].
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& additive_mask, bool training) const;
};

/// One task's projected attention layer; `down` and `up` are the same tensors in every layer.
struct EagerProjectedAttention {
  EagerLinear down, up;
  EagerSelfAttention attention;
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& additive_mask, bool training) const;
};

/// One encoder layer with its projected attention, one for each task.
struct EagerLayer {
  EagerSelfAttention attention;
  EagerLinear attention_output;
  EagerLayerNorm attention_norm;
  EagerLinear intermediate, output;
  EagerLayerNorm output_norm;
  std::vector<EagerProjectedAttention> adapters;
  double dropout = 0.0;
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& additive_mask, int64_t task,
                        bool training) const;
};

/// The multi-task model: embeddings, encoder with PALs, pooler and a linear head for each task.
class EagerPeer {
 public:
  /// Weights from N(0, initializer_range), biases 0, LayerNorms 1 and 0.
  EagerPeer(const EagerConfig& config, uint64_t seed);

  /// Runs the model on one batch; dropout is active where `training` is set. Differentiable.
  EagerOutputs forward(const PaddedBatch& batch, bool training) const;

  const std::vector<NamedParameter>& parameters() const { return parameters_; }

 private:
  at::Tensor add_parameter(const std::string& name, at::Tensor value);
  at::Tensor normal(at::IntArrayRef shape);
  EagerLinear make_linear(const std::string& name, int64_t in, int64_t out);
  EagerLayerNorm make_layer_norm(const std::string& name);
  EagerSelfAttention make_attention(const std::string& name, int64_t size, int64_t num_heads);
  EagerLayer make_layer(int64_t index);

  EagerConfig config_;
  at::Generator generator_;
  std::vector<NamedParameter> parameters_;
  at::Tensor word_embeddings_, position_embeddings_, token_type_embeddings_;
  EagerLayerNorm embedding_norm_;
  std::vector<EagerLayer> layers_;
  EagerLinear pooler_;
  std::vector<EagerLinear> classifiers_;
};

/// BERTAdam as a loop over tensors: clip by the tensor's own norm, first and second moment, update,
/// decay (none for bias, gamma, beta). Tensors without a gradient are left alone.
class EagerBertAdam {
 public:
  explicit EagerBertAdam(const std::vector<NamedParameter>& parameters);

  /// Forgets all gradients, as zero_grad does since PyTorch 2.
  void zero_grad();
  /// One update at `learning_rate`, schedule included.
  void step(double learning_rate);

 private:
  struct Entry {
    at::Tensor value, first_moment, second_moment;
    bool decays = true;
  };
  std::vector<Entry> entries_;
};

/// One training step: forward, backward, update. Returns the loss.
double eager_train_step(const EagerPeer& model, EagerBertAdam& optimizer, const PaddedBatch& batch,
                        double learning_rate);

}  // namespace pals::bench

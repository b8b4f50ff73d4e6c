// The blocks of BERT as parts of an ONNX graph.
#pragma once

#include <functional>
#include <string>

#include "export/exported_model.h"
#include "onnx/graph.h"

namespace pals {

/// What a dense layer adds to its product: of the layer's name and its input [B, T, in] a value
/// [B, T, out], or "" for nothing.
using OnnxTerm = std::function<OnnxValue(const std::string& dense, const OnnxValue& x)>;

/// Adds blocks to a graph. Activations are [B, T, features], B rows of T tokens, padded at their
/// ends; a prefix of tensors' names says whose weights a block has, "encoder.layer.0.output.".
class OnnxBlocks {
 public:
  /// Adds the graph's inputs: input_ids, attention_mask, token_type_ids, int64 [B, T].
  OnnxBlocks(const ExportedModel& model, OnnxGraph& graph);

  OnnxGraph& graph() { return graph_; }
  const ExportedModel& model() const { return model_; }

  /// The sum of embeddings, normalised: [B, T, H].
  OnnxValue embeddings();
  /// x W^T + b, and the term.
  OnnxValue dense(const std::string& prefix, const OnnxValue& x, const OnnxTerm& term = {});
  OnnxValue layer_norm(const std::string& prefix, const OnnxValue& x);
  OnnxValue activation(Activation activation, const OnnxValue& x);
  /// up(activation(down(x))).
  OnnxValue bottleneck(const std::string& prefix, Activation activation, const OnnxValue& x);
  /// The context of a self-attention with `prefix` query, key and value: [B, T, size].
  OnnxValue attention(const std::string& prefix, const OnnxValue& x, int64_t num_heads,
                      const OnnxTerm& term = {});
  /// The first tokens of the rows: [B, H].
  OnnxValue first_tokens(const OnnxValue& x);

  OnnxValue add(const OnnxValue& a, const OnnxValue& b) { return graph_.apply("Add", {a, b}); }
  OnnxValue multiply(const OnnxValue& a, const OnnxValue& b) { return graph_.apply("Mul", {a, b}); }
  /// x s.
  OnnxValue scale(const OnnxValue& x, double factor);

 private:
  OnnxValue heads(const OnnxValue& x, int64_t num_heads, int64_t head_size,
                  const std::vector<int64_t>& order);
  OnnxValue gelu(const OnnxValue& x);
  OnnxValue gelu_new(const OnnxValue& x);

  const ExportedModel& model_;
  OnnxGraph& graph_;
  double layer_norm_eps_;
  OnnxValue ids_, types_;
  OnnxValue mask_;  // added to scores: [B, 1, 1, T], 0 or the least number
};

}  // namespace pals

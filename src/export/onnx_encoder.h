// BERT's encoder as a part of an ONNX graph.
#pragma once

#include <vector>

#include "export/onnx_adapters.h"

namespace pals {

/// A BERT layer with tensors `prefix`: [B, T, H] -> [B, T, H]. `adapter` may be null.
OnnxValue onnx_layer(OnnxBlocks& blocks, const std::string& prefix, int layer, const OnnxValue& h,
                     const OnnxAdapter* adapter);

/// A block of self-attention, with its LayerNorm. `term_layer`: the layer of the adapter's term.
OnnxValue onnx_attention_block(OnnxBlocks& blocks, const std::string& prefix,
                               const std::string& output_prefix, int64_t num_heads,
                               const OnnxValue& h, int layer, const OnnxAdapter* adapter);

/// The encoder. Layers that no adapter has a part in are computed once for all tasks.
class OnnxEncoder {
 public:
  explicit OnnxEncoder(OnnxBlocks& blocks) : blocks_(blocks) {}

  /// The last hidden states of a task, or of the shared encoder: [B, T, H].
  OnnxValue shared();
  OnnxValue of_task(size_t task);

 private:
  /// The input of a layer of the shared encoder, or, behind the last one, its output.
  OnnxValue shared_input(int layer);

  OnnxBlocks& blocks_;
  std::vector<OnnxValue> inputs_;  // of the shared encoder's layers, as far as they were asked for
};

}  // namespace pals

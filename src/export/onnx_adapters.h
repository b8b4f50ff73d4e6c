// Each kind of adapter as parts of an ONNX graph.
#pragma once

#include <functional>

#include "export/onnx_blocks.h"

namespace pals {

/// What a task's adapter adds to the encoder's graph, and where; null functions add nothing, and so
/// do those that give "".
struct OnnxAdapter {
  int first_layer = 0;  ///< layers below are those of the shared encoder
  OnnxTerm product_term;
  /// At the end of a layer's block, behind its dense layer: of the output of that layer, or, where
  /// `reads_normalised`, of what LayerNorm makes of the block's sum.
  std::function<OnnxValue(LayerBlock block, int layer, const OnnxValue& x)> block_term;
  bool reads_normalised = false;
  /// At the end of the feed-forward block: of the layer's input and the attention block's output.
  std::function<OnnxValue(int layer, const OnnxValue& h, const OnnxValue& a)> feed_forward_term;
  std::function<OnnxValue(int layer, const OnnxValue& y)> after_layer;  ///< in place of its output
  std::function<OnnxValue(const OnnxValue& y)> after_encoder;  ///< in place of the encoder's
};

/// The adapter of a task. `blocks` must outlive it. Throws Error for a kind without a graph.
OnnxAdapter onnx_adapter(OnnxBlocks& blocks, size_t task);

}  // namespace pals

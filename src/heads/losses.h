// Losses of logits and what backward starts from.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "batch/packed_batch.h"

namespace pals {

/// The examples' losses, and the gradient of their sum.
struct Loss {
  std::vector<double> examples;  ///< [G]
  at::Tensor d_logits;           ///< as the logits: gradient of the losses' sum, times `scale`
};

// All take the fp32 logits of one segment of a batch, whose targets they look up. A target outside
// of what there is to choose from is an internal error, unless it says otherwise.

/// Cross-entropy of logits [rows, C] against the targets' labels.
Loss class_loss(const at::Tensor& logits, const PackedBatch& batch, const Segment& segment,
                double scale);

/// Squared error of logits [rows, 1] against the targets' values.
Loss value_loss(const at::Tensor& logits, const PackedBatch& batch, const Segment& segment,
                double scale);

/// Cross-entropy of logits [rows, 1], over the choices of each question, against the labels.
Loss choice_loss(const at::Tensor& logits, const PackedBatch& batch, const Segment& segment,
                 double scale);

/// The mean of two cross-entropies of logits [tokens, 2], over the tokens of each row: of its start
/// and of its end. A start or end that is no token of the row adds nothing.
Loss span_loss(const at::Tensor& logits, const PackedBatch& batch, const Segment& segment,
               double scale);

}  // namespace pals

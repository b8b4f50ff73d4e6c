// Losses of logits and what backward starts from, computed where the logits are.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "batch/packed_batch.h"
#include "nn/upload.h"

namespace pals {

/// What the losses of E examples are computed from, on the logits' device. All but regression's
/// are cross-entropies over G groups of logits: the classes of a row, the choices of a question,
/// the tokens of a row (twice).
struct LossTargets {
  at::Tensor members;  ///< [G, W] int64: a group's logits among all N (flat); N where it has less
                       ///< than W. Undefined for a regression
  at::Tensor chosen;   ///< [G, 1] int64: the member that is right
  at::Tensor weights;  ///< [G, 1] fp64: what the group's loss counts in its example's
  int64_t groups_per_example = 1;
  at::Tensor values;  ///< [E] fp64: the targets of a regression
};

// All look up the targets of one segment of a batch. A target outside of what there is to choose
// from is an internal error, unless it says otherwise.

/// Logits [rows, C] against the targets' labels.
LossTargets class_targets(const PackedBatch& batch, const Segment& segment, int64_t classes,
                          Upload& upload);

/// Logits [rows, 1] against the targets' values.
LossTargets value_targets(const PackedBatch& batch, const Segment& segment, Upload& upload);

/// Logits [rows, 1], over the choices of each question, against the labels.
LossTargets choice_targets(const PackedBatch& batch, const Segment& segment, Upload& upload);

/// Logits [tokens, 2], over the tokens of each row: half the cross-entropy of its start and half
/// that of its end. A start or end that is no token of the row adds nothing.
LossTargets span_targets(const PackedBatch& batch, const Segment& segment, Upload& upload);

/// The examples' losses, and the gradient of their sum.
struct Loss {
  at::Tensor examples;  ///< [E] fp64
  at::Tensor d_logits;  ///< as the logits: gradient of the losses' sum, times `scale`
};

/// The cross-entropies, or squared errors of a regression, of fp32 logits. Nothing is read by the
/// host.
Loss compute_loss(const at::Tensor& logits, const LossTargets& targets, double scale);

}  // namespace pals

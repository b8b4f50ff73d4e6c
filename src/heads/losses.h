// Losses of logits and what backward starts from, computed where the logits are.
#pragma once

#include <ATen/ATen.h>

#include "batch/loss_layout.h"
#include "kernels/upload.h"
#include "tasks/loss_settings.h"

namespace pals {

/// A LossLayout on the logits' device: what the losses of E examples are computed from.
struct LossTargets {
  LossFunction function = LossFunction::kCrossEntropy;
  at::Tensor members;  ///< [G, W] int64: a group's logits among all N (flat); N where it has less
                       ///< than W. Cross-entropies only, as the next three
  at::Tensor chosen;   ///< [G, 1] int64: the member that is right
  at::Tensor weights;  ///< [G, 1] fp64: what the group's loss counts in its example's
  at::Tensor groups;   ///< [E, V] int64: an example's groups; G where it has less than V
  double smoothing = 0.0;
  at::Tensor taught;  ///< [G, W] fp64: a teacher's probabilities; undefined: there is none
  double teacher_weight = 0.0;
  at::Tensor values, factors;  ///< [N] fp64: other functions' targets, and what each counts
  at::Tensor constants;        ///< [N] fp64: what is added to each loss; undefined: nothing
};

/// Weighs the losses of a layout, and smooths its targets. The class of a group is the member that
/// is right, that of another function's logit what `classes` says.
void apply_settings(const LossSettings& settings, LossLayout& layout);

/// Takes a layout along with an upload.
LossTargets upload_layout(const LossLayout& layout, Upload& upload);

/// The examples' losses, and the gradient of their sum.
struct Loss {
  at::Tensor examples;  ///< [E] fp64
  at::Tensor d_logits;  ///< as the logits: gradient of the losses' sum, times `scale`
};

/// The losses of fp32 logits. Nothing is read by the
/// host.
Loss compute_loss(const at::Tensor& logits, const LossTargets& targets, double scale);

}  // namespace pals

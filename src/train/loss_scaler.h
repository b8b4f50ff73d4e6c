// Dynamic loss scaling for fp16, whose small gradients would vanish: all on the device, without a
// read by the host.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "base/json.h"
#include "dist/world.h"
#include "parameters/parameter_arena.h"

namespace pals {

/// Gradients are multiplied by a scale that halves when one of them overflows, which drops the
/// step, and doubles after 2000 steps without that (Micikevicius et al. 2018, section 3.2).
class LossScaler {
 public:
  explicit LossScaler(at::Device device);

  /// [1] fp32: what gradients are to be multiplied by (TrainingStep).
  const at::Tensor& scale() const { return scale_; }

  /// Divides the gradients of a step that drew `task` by the scale and adjusts it. overflow() then
  /// says whether a gradient was not finite on any rank.
  void unscale(ParameterArena& arena, int task, const World& world);

  /// [1] fp32, for BertAdam.
  const at::Tensor& overflow() const { return overflow_; }

  /// For a checkpoint, which waits for the device.
  Json to_json() const;
  void from_json(const Json& json);

 private:
  at::Tensor scale_, overflow_;  // [1] fp32
  at::Tensor good_steps_;        // [1] int32
};

}  // namespace pals

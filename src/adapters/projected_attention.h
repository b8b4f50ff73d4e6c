// Projected attention layer: gelu(U SA(D x)), D and U shared by the layers of a task.
#pragma once

#include "adapters/module.h"

namespace pals {

/// Stickland and Murray 2019, section 3.1. SA: multi-head attention with 6 heads of P/6, the
/// layer's own query, key and value with biases, attention dropout, no output projection. Where a
/// pass brings folded layers, D is a part of these.
class ProjectedAttention : public AttendingModule {
 public:
  static constexpr int64_t kNumHeads = 6;

  /// D and U of a task: `<prefix>pal.down`, `<prefix>pal.up`.
  struct Projections {
    Projections(const AdapterBuild& build);
    Linear down, up;
  };

  ProjectedAttention(const AdapterBuild& build, int layer, const Projections& projections);

  bool takes_segments() const override { return true; }
  State begin(const Pass& pass, int layer, const at::Tensor& x) const override;
  at::Tensor finish(const Pass& pass, int layer, const State& state) const override;
  State begin_backward(const Pass& pass, int layer, const at::Tensor& dy) const override;
  at::Tensor finish_backward(const Pass& pass, int layer, const State& state) const override;
  void fold(const ParameterArena& from, ParameterArena& to) const override;

 private:
  Linear down_;
  SelfAttention attention_, folded_;  // the latter of D and the former
  Linear up_;
};

/// kPals: reads the layer input.
void build_pals(const AdapterBuild& build, TaskAdapter& adapter);

}  // namespace pals

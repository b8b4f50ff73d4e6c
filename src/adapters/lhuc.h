// Learning hidden unit contributions: x * 2 sigmoid(a), a in R^H, zero at start.
#pragma once

#include "adapters/module.h"

namespace pals {

class Lhuc : public AdapterModule {
 public:
  /// Registers `<layer prefix>lhuc.scale`.
  Lhuc(const AdapterBuild& build, int layer);

  at::Tensor forward(const Pass& pass, int layer, const at::Tensor& x) const override;
  at::Tensor backward(const Pass& pass, int layer, const at::Tensor& dy) const override;

 private:
  ParameterId scale_;
};

/// Scales the adapter's feed-forward term where there is one that reads the layer input (PALs, low
/// rank: the reference's `mult`), otherwise the layer's output, behind what the adapter has put in
/// its place. To be called after the other builder.
void add_lhuc(const AdapterBuild& build, TaskAdapter& adapter);

}  // namespace pals

// Low-rank module: U act(D x), D and U of each layer its own.
#pragma once

#include "adapters/module.h"

namespace pals {

class LowRank : public AdapterModule {
 public:
  /// Registers `<prefix>down` and `<prefix>up`.
  LowRank(const AdapterBuild& build, const std::string& prefix, int64_t inner_size,
          Activation activation = Activation::kGelu);

  bool takes_segments() const override { return true; }
  at::Tensor forward(const Pass& pass, int layer, const at::Tensor& h) const override;
  at::Tensor backward(const Pass& pass, int layer, const at::Tensor& dy) const override;

 private:
  Linear down_, up_;
  Activation activation_;
};

/// Reads the layer input, adds to the output block (paper, section 3.1 "low-rank").
void build_low_rank(const AdapterBuild& build, TaskAdapter& adapter);

}  // namespace pals

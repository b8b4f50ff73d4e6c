// Weights in eight bits for prediction, and products with them on VNNI or AMX-int8.
#pragma once

#include <ATen/ATen.h>

#include <map>
#include <mutex>
#include <utility>

#include "kernels/panels.h"
#include "parameters/parameter_table.h"

namespace pals {

/// Keeps the packed weights of one model's dense layers. A weight is symmetric with a scale for
/// each output, rounded once, when it is first used; activations get a scale for each token. Sums
/// are exact in 32 bits. May be used by several threads.
class Int8Weights {
 public:
  /// Whether this processor multiplies bytes without overflow between (AVX512-VNNI).
  static bool supported();

  /// x W^T + bias: x [M, in] act -> [M, out] act. W [out, in] and bias [out] are fp32, the bias may
  /// be undefined; `id` is the number of W's first parameter.
  at::Tensor product(ParameterId id, const at::Tensor& weight, const at::Tensor& x,
                     const at::Tensor& bias);

 private:
  /// One of the two: our own panels, or oneDNN's blocks where those are faster (kernels/panels.h).
  struct Packed {
    cpu::BytePanels panels;
    at::Tensor blocks, scales, zero_points;
  };
  const Packed& packed(ParameterId id, const at::Tensor& weight);

  std::mutex mutex_;
  std::map<std::pair<ParameterId, int64_t>, Packed> packed_;  // by first parameter and outputs
};

}  // namespace pals

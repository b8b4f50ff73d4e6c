// Matrix products on the fastest engine of this machine, our own panels (kernels/panels.h) or
// LibTorch's, and weights laid out for it ahead of time.
#pragma once

#include <ATen/ATen.h>

#include <map>
#include <mutex>
#include <utility>

#include "kernels/panels.h"
#include "parameters/parameter_table.h"

namespace pals {

/// x W^T + bias: x [M, K], W [N, K], bias [N] (may be undefined) of one type -> [M, N]. On devices
/// W and bias of two-byte numbers are parts of a ParameterArena's shadow, whose rows begin at
/// multiples of kDeviceRowMultiple, and so do those of the result.
at::Tensor times_transposed(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

/// x W: x [M, N], W [N, K] of one type -> [M, K].
at::Tensor times(const at::Tensor& x, const at::Tensor& weight);

/// sum += x W.
void add_times(at::Tensor& sum, const at::Tensor& x, const at::Tensor& weight);

/// sum += dy^T x: dy [M, N], x [M, K] of one type, sum [N, K] fp32.
void add_transposed_times(at::Tensor& sum, const at::Tensor& dy, const at::Tensor& x);

/// Keeps the dense layers' weights of one model in the engine's layout, each from its first use
/// on: for prediction, where weights no longer change. Twice the weights' memory. May be used by
/// several threads.
class PackedWeights {
 public:
  /// Whether this processor's products of `type` have such a layout.
  static bool supported(at::ScalarType type);

  /// x W^T + bias: x [M, K] -> [M, N]. W [N, K] and bias [N], which may be undefined, have x's
  /// type; `id` is the number of W's first parameter.
  at::Tensor product(ParameterId id, const at::Tensor& weight, const at::Tensor& x,
                     const at::Tensor& bias);

  /// Lets go of the layout of a weight that is not used any more.
  void forget(ParameterId id);

 private:
  struct Packed {
    cpu::RightPanels panels;
    at::Tensor blocks;  ///< oneDNN's; undefined: panels
  };
  const Packed& packed(ParameterId id, const at::Tensor& weight);

  std::mutex mutex_;
  std::map<std::pair<ParameterId, int64_t>, Packed> packed_;  // by first parameter and outputs
};

}  // namespace pals

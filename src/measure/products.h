// The matrix products of a step done again by themselves: what the host can do on the same shapes.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "kernels/profile.h"

namespace pals {

/// Operands and results for a list of products, one of each distinct shape, so that they lie as
/// near to the processor as they can.
class ProductReplay {
 public:
  explicit ProductReplay(const std::vector<Product>& products, at::Device device = at::kCPU);

  /// All products one after the other by at::mm; returns the seconds.
  double run();

  double flops() const { return flops_; }

 private:
  struct Call {
    at::Tensor a, b, result;
  };

  at::Device device_;
  std::vector<Call> calls_;
  double flops_ = 0.0;
};

/// Operations a second of one large square product of this type: what the device can do at best.
double large_product_speed(at::ScalarType type, at::Device device);

}  // namespace pals

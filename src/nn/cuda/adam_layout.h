// How an optimizer step is cut into chunks, kept on the device from step to step.
#pragma once

#include <ATen/ATen.h>

#include <vector>

#include "nn/blocks.h"
#include "nn/cuda/kernels.h"

namespace pals::cuda {

/// The chunks of one list of ranges, by their offsets and sizes, and the places on the device for
/// their rates and for what the kernels compute of them.
class AdamLayout {
 public:
  AdamLayout(const std::vector<AdamRange>& ranges, at::Device device);

  /// Whether it is that of these ranges on this device.
  bool fits(const std::vector<AdamRange>& ranges, at::Device device) const;
  /// Sets the pointers and counts of `args` that are the layout's.
  void describe(AdamArgs& args) const;
  /// Sends the ranges' learning rates and decays, by one copy that nothing waits for.
  void send_rates(const std::vector<AdamRange>& ranges) const;

 private:
  std::vector<std::pair<int64_t, int64_t>> places_;  // offset and numel of each range
  at::Tensor chunks_, first_chunk_, rates_, squares_, clips_;
};

/// The layout of these ranges; made when they are seen first, and kept until the program ends (a
/// model has one for each task).
const AdamLayout& adam_layout(const std::vector<AdamRange>& ranges, at::Device device);

}  // namespace pals::cuda

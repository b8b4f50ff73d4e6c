// What the CPU blocks share: raw views of tensors, and splitting of work that depends on nothing
// but shapes and the number of threads, so that results are reproducible.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

#include "nn/dropout.h"
#include "nn/isa/kernel_table.h"

namespace pals::cpu {

inline isa::Matrix matrix(const at::Tensor& x) {
  if (!x.defined()) {
    return {};
  }
  return {const_cast<void*>(x.const_data_ptr()), x.stride(0)};
}

inline float* floats(const at::Tensor& x) {
  return x.defined() ? const_cast<float*>(x.const_data_ptr<float>()) : nullptr;
}

inline isa::DropoutArgs dropout_args(const Dropout& dropout, const at::Tensor& token_keys) {
  if (!dropout.active()) {
    return {};
  }
  return {token_keys.const_data_ptr<int32_t>(), dropout.key, dropout_threshold(dropout.p),
          dropout_scale(dropout.p), dropout.device_key};
}

inline const isa::ActivationKernels& kernels_for(const at::Tensor& x,
                                                 const isa::KernelTable& table) {
  return x.scalar_type() == at::kFloat ? table.fp32 : table.bf16;
}

/// Pieces that `count` rows of `columns` elements are worth splitting into: one a thread, but none
/// below about 8,000 elements.
inline int64_t chunks_of(int64_t count, int64_t columns) {
  const int64_t worthwhile = std::max<int64_t>(1, count * columns / 8192);
  return std::max<int64_t>(1, std::min<int64_t>({at::get_num_threads(), worthwhile, count}));
}

/// visit(chunk, begin, end) for each of `chunks` even pieces of [0, count), in parallel.
template <typename Visit>
void for_chunks(int64_t count, int64_t chunks, const Visit& visit) {
  at::parallel_for(0, chunks, 1, [&](int64_t first, int64_t last) {
    for (int64_t chunk = first; chunk < last; ++chunk) {
      visit(chunk, count * chunk / chunks, count * (chunk + 1) / chunks);
    }
  });
}

/// Column sums by chunk, added to their targets in the order of chunks.
class PartialSums {
 public:
  PartialSums(int64_t chunks, int64_t columns, std::vector<float*> targets)
      : chunks_(chunks), columns_(columns), targets_(std::move(targets)) {
    stride_ = (columns_ + 31) / 16 * 16;  // chunks never share a cache line
    const auto wanted = std::count_if(targets_.begin(), targets_.end(),
                                      [](const float* target) { return target != nullptr; });
    if (wanted > 0) {
      partial_.assign(static_cast<size_t>(stride_ * chunks_) * targets_.size(), 0.0F);
    }
  }

  /// The buffer of one chunk for one target; null where the target is.
  float* buffer(int64_t chunk, size_t target) {
    if (targets_[target] == nullptr) {
      return nullptr;
    }
    return partial_.data() + stride_ * (chunk + chunks_ * static_cast<int64_t>(target));
  }

  void add_to_targets() {
    for (size_t target = 0; target < targets_.size(); ++target) {
      for (int64_t chunk = 0; chunk < chunks_ && targets_[target] != nullptr; ++chunk) {
        const float* from = buffer(chunk, target);
        for (int64_t j = 0; j < columns_; ++j) {
          targets_[target][j] += from[j];
        }
      }
    }
  }

 private:
  int64_t chunks_, columns_, stride_ = 0;
  std::vector<float*> targets_;
  std::vector<float> partial_;
};

}  // namespace pals::cpu

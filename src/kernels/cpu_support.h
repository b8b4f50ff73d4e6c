// What the blocks on CPU kernels share: splitting of work that depends on nothing but shapes and
// the number of threads, so that results are reproducible.
#pragma once

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

#include "kernels/cpu_isa.h"
#include "kernels/pack.h"

namespace pals::cpu {

/// Of the kernels in use.
inline const isa::ActivationKernels& kernels_for(const at::Tensor& x) {
  return x.scalar_type() == at::kFloat ? kernels().fp32 : kernels().bf16;
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

/// visit(begin, end) for chunks of the rows of x, in parallel.
template <typename Visit>
void for_rows(const at::Tensor& x, const Visit& visit) {
  for_chunks(x.size(0), chunks_of(x.size(0), x.size(1)),
             [&](int64_t /*chunk*/, int64_t begin, int64_t end) { visit(begin, end); });
}

/// Column sums by chunk, added to their targets in the order of chunks.
class PartialSums {
 public:
  /// Of x's rows, or of a matrix like it; a target may be null.
  PartialSums(const at::Tensor& x, std::vector<float*> targets)
      : rows_(x.size(0)),
        columns_(x.size(1)),
        chunks_(chunks_of(rows_, columns_)),
        targets_(std::move(targets)) {
    stride_ = (columns_ + 31) / 16 * 16;  // chunks never share a cache line
    const auto wanted = std::count_if(targets_.begin(), targets_.end(),
                                      [](const float* target) { return target != nullptr; });
    if (wanted > 0) {
      partial_.assign(static_cast<size_t>(stride_ * chunks_) * targets_.size(), 0.0F);
    }
  }

  /// visit(begin, end, sums) for chunks of the rows, then the sums of all of them to their targets.
  /// sums(i) is the chunk's buffer for target i, null where the target is.
  template <typename Visit>
  void gather(const Visit& visit) {
    for_chunks(rows_, chunks_, [&](int64_t chunk, int64_t begin, int64_t end) {
      visit(begin, end, [&](size_t target) { return buffer(chunk, target); });
    });
    add_to_targets();
  }

 private:
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

  int64_t rows_, columns_, chunks_, stride_ = 0;
  std::vector<float*> targets_;
  std::vector<float> partial_;
};

}  // namespace pals::cpu

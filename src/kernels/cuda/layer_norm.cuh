// What LayerNorm forward and backward share: a warp has a row. Where a row is short enough, as it
// is in all usual models, it stays in registers from its one read to its one write. Longer rows are
// read again, forward from where z was written, backward by a second kernel.
#pragma once

#include "kernels/cuda/dropout.cuh"
#include "kernels/cuda/walk.cuh"

namespace pals::cuda {

constexpr int kRowWarps = 4;
constexpr int kRowThreads = kRowWarps * kWarp;

/// The columns of a lane's pack number p, none beyond the row's end.
template <int kWidth>
struct LanePack {
  int64_t first;
  int count;
  __device__ LanePack(int64_t p, int64_t columns)
      : first((p * kWarp + threadIdx.x % kWarp) * kWidth),
        count(first >= columns           ? 0
              : columns - first < kWidth ? static_cast<int>(columns - first)
                                         : kWidth) {}
};

// Columns that a lane holds: 24 for BERT-base and smaller models, 32 for BERT-large.
constexpr int kUsual = 24, kLarge = 32;

/// Calls visit(Constant<columns a lane holds>{}): 0 for rows that are too long, or unaligned.
template <int kWidth, typename Visit>
void with_elements(int64_t columns, const Visit& visit) {
  if constexpr (kWidth > 1) {
    if (columns <= kUsual * kWarp) return visit(Constant<kUsual>{});
    if (columns <= kLarge * kWarp) return visit(Constant<kLarge>{});
  }
  return visit(Constant<0>{});
}

inline unsigned row_blocks(int64_t rows) {
  return static_cast<unsigned>(ceil_div(rows, kRowWarps));
}

}  // namespace pals::cuda

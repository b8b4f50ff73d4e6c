// Tiles of 64 rows in shared memory, and their products on tensor cores, for types of two bytes: 4
// warps a block, each with 16 of the rows.
#pragma once

#include "kernels/cuda/matrix.cuh"

namespace pals::cuda {

constexpr int kTile = 64;
constexpr int kTileWarps = 4;
constexpr int kTileThreads = kTileWarps * kWarp;

/// A row of a tile of kSize columns (a multiple of 16) in shared memory. 16 bytes more than it
/// needs: eight rows then begin in different banks.
template <int kSize>
constexpr int kTileStride = kSize + 8;

/// Where a lane's first, and with + 8 second, row and columns of an accumulator are.
struct LanePlace {
  int row = static_cast<int>(threadIdx.x) % kWarp / 4;
  int column = static_cast<int>(threadIdx.x) % 4 * 2;
};

/// The address that a lane brings to load four matrices: rows first to first + 15 and columns first
/// to first + 15 of a tile, in the order (row half, column half): 00, 10, 01, 11 ...
template <int kStride, typename T>
__device__ inline const T* rows_first(const T* tile, int row, int column) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  return tile + (row + lane % 16) * kStride + column + lane / 16 * 8;
}
/// ... or 00, 01, 10, 11.
template <int kStride, typename T>
__device__ inline const T* columns_first(const T* tile, int row, int column) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  return tile + (row + lane % 8 + lane / 16 * 8) * kStride + column + lane / 8 % 2 * 8;
}

/// Begins to copy `rows` rows of `size` columns of a matrix, from (first, column) on, into a tile;
/// the other columns, and rows up to a multiple of 16, become 0. `unit` is how many bytes can be
/// moved at once: 16, 4 or 2.
template <int kSize, typename T>
__device__ inline void load_tile(T* tile, const isa::Matrix& from, int64_t first, int rows,
                                 int64_t column, int size, int unit) {
  constexpr int kStride = kTileStride<kSize>;
  const int filled = (rows + 15) / 16 * 16;
  const T* base = row_of<T>(from, first) + column;
  const auto each = [&](auto constant, auto move) {
    constexpr int kCount = decltype(constant)::kValue, kUnits = kSize / kCount;
#pragma unroll 4
    for (int i = static_cast<int>(threadIdx.x); i < filled * kUnits; i += kTileThreads) {
      const int row = i / kUnits, at = i % kUnits * kCount;
      const bool exists = row < rows && at < size;
      move(tile + row * kStride + at, exists ? base + row * from.stride + at : base, exists);
    }
  };
  if (unit == 16) {
    each(Constant<8>{}, [](T* to, const T* x, bool exists) { copy_async<16>(to, x, exists); });
  } else if (unit == 4) {
    each(Constant<2>{}, [](T* to, const T* x, bool exists) { copy_async<4>(to, x, exists); });
  } else {
    each(Constant<1>{}, [](T* to, const T* x, bool exists) { *to = exists ? *x : T{}; });
  }
}

/// Writes a warp's accumulators, 16 rows by kSize columns, times a factor for each of a lane's two
/// rows, to rows `first` and on of a matrix, of which the first `rows` exist.
template <int kSize, typename T>
__device__ inline void store_rows(const float (&values)[kSize / 8][4], const float (&factors)[2],
                                  const isa::Matrix& to, int64_t first, int rows, int64_t column,
                                  int size, int unit) {
  const LanePlace lane;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int row = lane.row + 8 * half;
    if (row >= rows) continue;
    T* out = row_of<T>(to, first + row) + column;
#pragma unroll
    for (int n = 0; n < kSize / 8; ++n) {
      const int at = n * 8 + lane.column;
      const float low = values[n][2 * half] * factors[half];
      const float high = values[n][2 * half + 1] * factors[half];
      if (unit >= 4) {
        if (at < size) *reinterpret_cast<uint32_t*>(out + at) = narrow_pair<T>(low, high);
      } else {
        if (at < size) out[at] = narrow<T>(low);
        if (at + 1 < size) out[at + 1] = narrow<T>(high);
      }
    }
  }
}

/// A warp's 16 rows of a tile as left operands.
template <int kSize, typename T>
__device__ inline void load_left(uint32_t (&a)[kSize / 16][4], const T* tile, int row) {
#pragma unroll
  for (int k = 0; k < kSize / 16; ++k) {
    load_matrices(a[k], rows_first<kTileStride<kSize>>(tile, row, k * 16));
  }
}

/// sums [16, 64] += a warp's 16 rows times the rows of a tile, transposed: `a` are the left
/// operands for each 16 columns, and only rows of the tile below `count` (in steps of 16) are
/// looked at.
template <int kSize, typename T>
__device__ inline void add_products(float (&sums)[kTile / 8][4], const uint32_t (&a)[kSize / 16][4],
                                    const T* tile, int count) {
#pragma unroll
  for (int j = 0; j < kTile / 16; ++j) {
    if (j * 16 >= count) continue;
#pragma unroll
    for (int k = 0; k < kSize / 16; ++k) {
      uint32_t b[4];
      load_matrices(b, columns_first<kTileStride<kSize>>(tile, j * 16, k * 16));
      multiply_add<T>(sums[2 * j], a[k], b[0], b[1]);
      multiply_add<T>(sums[2 * j + 1], a[k], b[2], b[3]);
    }
  }
}

/// Bytes that a matrix's loads and stores can move at once, where a row's parts begin at multiples
/// of `columns`: 16, 4 or 2.
inline int unit_of(const void* data, int64_t stride, int64_t columns) {
  const uintptr_t all = reinterpret_cast<uintptr_t>(data) | static_cast<uintptr_t>(stride) * 2 |
                        static_cast<uintptr_t>(columns) * 2;
  return all % 16 == 0 ? 16 : all % 4 == 0 ? 4 : 2;
}

}  // namespace pals::cuda

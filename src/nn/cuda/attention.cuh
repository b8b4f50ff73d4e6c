// What the attention kernels share: rows of text, and tiles of them in shared memory.
#pragma once

#include "nn/cuda/dropout.cuh"
#include "nn/cuda/matrix.cuh"

namespace pals::cuda {

constexpr float kLog2E = 1.44269504F;
constexpr float kInfinity = __builtin_inff();

/// One row of text: where its tokens and its queries are.
struct RowSpan {
  int64_t first, first_query;
  int length, queries;
};

__device__ inline RowSpan row_span(const isa::AttentionArgs& args, unsigned row) {
  const int32_t* cu = args.cu_seqlens;
  const int32_t* cu_queries = args.cu_queries;
  return {cu[row] - cu[0], cu_queries[row] - cu_queries[0], cu[row + 1] - cu[row],
          cu_queries[row + 1] - cu_queries[row]};
}

__device__ inline bool drops(const isa::AttentionArgs& args) {
  return args.dropout.token_keys != nullptr;
}

// --- The kernels on tensor cores, for types of two bytes: tiles of 64 tokens, 4 warps of 16 ---

constexpr int kTile = 64;
constexpr int kTileWarps = 4;
constexpr int kTileThreads = kTileWarps * kWarp;

/// A row of a tile of heads of kSize (padded to a multiple of 16) in shared memory. 16 bytes more
/// than it needs: eight rows then begin in different banks.
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

/// Begins to copy `rows` tokens' heads [rows, size] into a tile; the other columns, and rows up to
/// a multiple of 16, become 0. `unit` is how many bytes can be moved at once: 16, 4 or 2.
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

/// scores [16 queries, 64 keys] = queries times keys, for a warp: `a` are the queries' operands for
/// each 16 columns, and only keys below `count` (in steps of 16) are looked at.
template <int kSize, typename T>
__device__ inline void multiply_keys(float (&scores)[kTile / 8][4],
                                     const uint32_t (&a)[kSize / 16][4], const T* keys, int count) {
#pragma unroll
  for (int j = 0; j < kTile / 16; ++j) {
#pragma unroll
    for (int i = 0; i < 4; ++i) scores[2 * j][i] = scores[2 * j + 1][i] = 0.0F;
    if (j * 16 >= count) continue;
#pragma unroll
    for (int k = 0; k < kSize / 16; ++k) {
      uint32_t b[4];
      load_matrices(b, columns_first<kTileStride<kSize>>(keys, j * 16, k * 16));
      multiply_add<T>(scores[2 * j], a[k], b[0], b[1]);
      multiply_add<T>(scores[2 * j + 1], a[k], b[2], b[3]);
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

/// An accumulator's 16 columns number j as left operand.
template <typename T>
__device__ inline void as_left(uint32_t (&a)[4], const float (&values)[kTile / 8][4], int j) {
  a[0] = narrow_pair<T>(values[2 * j][0], values[2 * j][1]);
  a[1] = narrow_pair<T>(values[2 * j][2], values[2 * j][3]);
  a[2] = narrow_pair<T>(values[2 * j + 1][0], values[2 * j + 1][1]);
  a[3] = narrow_pair<T>(values[2 * j + 1][2], values[2 * j + 1][3]);
}

/// out [16, kSize] += a [16, 16] times rows `row` to row + 15 of a tile.
template <int kSize, typename T>
__device__ inline void multiply_rows(float (&out)[kSize / 8][4], const uint32_t (&a)[4],
                                     const T* tile, int row) {
#pragma unroll
  for (int n = 0; n < kSize / 16; ++n) {
    uint32_t b[4];
    load_transposed(b, rows_first<kTileStride<kSize>>(tile, row, n * 16));
    multiply_add<T>(out[2 * n], a, b[0], b[1]);
    multiply_add<T>(out[2 * n + 1], a, b[2], b[3]);
  }
}

/// The sum (or the maximum) over the four lanes that share an accumulator's rows.
__device__ inline float row_sum(float x) {
  x += __shfl_xor_sync(kAllLanes, x, 1);
  return x + __shfl_xor_sync(kAllLanes, x, 2);
}
__device__ inline float row_max(float x) {
  x = fmaxf(x, __shfl_xor_sync(kAllLanes, x, 1));
  return fmaxf(x, __shfl_xor_sync(kAllLanes, x, 2));
}

/// Bytes that loads and stores of heads can move at once: 16, 4 or 2.
inline int attention_unit(const isa::AttentionArgs& args) {
  int unit = 16;
  for (const isa::Matrix& x :
       {args.q, args.k, args.v, args.context, args.d_context, args.dq, args.dk, args.dv}) {
    if (x.data == nullptr) continue;
    const uintptr_t all = reinterpret_cast<uintptr_t>(x.data) |
                          static_cast<uintptr_t>(x.stride) * 2 |
                          static_cast<uintptr_t>(args.head_size) * 2;
    const int fits = all % 16 == 0 ? 16 : all % 4 == 0 ? 4 : 2;
    unit = fits < unit ? fits : unit;
  }
  return unit;
}

/// Calls visit(Constant<head size padded for the tensor cores>{}).
template <typename Visit>
void with_head_size(int64_t head_size, const Visit& visit) {
  if (head_size <= 16) return visit(Constant<16>{});
  if (head_size <= 32) return visit(Constant<32>{});
  if (head_size <= 48) return visit(Constant<48>{});
  if (head_size <= 64) return visit(Constant<64>{});
  if (head_size <= 96) return visit(Constant<96>{});
  return visit(Constant<128>{});
}

inline dim3 attention_grid(const isa::AttentionArgs& args, const AttentionSize& size,
                           int64_t tile) {
  return dim3(static_cast<unsigned>(size.rows), static_cast<unsigned>(args.num_heads),
              static_cast<unsigned>(ceil_div(size.max_seqlen, tile)));
}

// The kernels of types of two bytes, and of fp32.
void attention_forward_tiles(Type type, const isa::AttentionArgs& args, const AttentionSize& size,
                             Stream stream);
void attention_backward_tiles(Type type, const isa::AttentionArgs& args, const AttentionSize& size,
                              float* row_dots, Stream stream);
void attention_forward_fp32(const isa::AttentionArgs& args, const AttentionSize& size,
                            Stream stream);
void attention_backward_fp32(const isa::AttentionArgs& args, const AttentionSize& size,
                             float* row_dots, Stream stream);

}  // namespace pals::cuda

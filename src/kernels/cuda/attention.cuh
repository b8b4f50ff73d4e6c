// What the attention kernels share: rows of text, scores of tiles of them.
#pragma once

#include "kernels/cuda/dropout.cuh"
#include "kernels/cuda/tile.cuh"

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

/// A block's attention, and its head among those of that one.
struct GroupHead {
  int group;
  int64_t head;
};
__device__ inline GroupHead group_head(const AttentionGroups& groups) {
  const auto number = static_cast<int64_t>(blockIdx.y), first = groups.args[0].num_heads;
  return number < first ? GroupHead{0, number} : GroupHead{1, number - first};
}

__device__ inline bool drops(const isa::AttentionArgs& args) {
  return args.dropout.token_keys != nullptr;
}

// --- The kernels on tensor cores: tiles of 64 tokens ---

/// scores [16 queries, 64 keys] = queries times keys, for a warp; as add_products.
template <int kSize, typename T>
__device__ inline void multiply_keys(float (&scores)[kTile / 8][4],
                                     const uint32_t (&a)[kSize / 16][4], const T* keys, int count) {
#pragma unroll
  for (int n = 0; n < kTile / 8; ++n) {
#pragma unroll
    for (int i = 0; i < 4; ++i) scores[n][i] = 0.0F;
  }
  add_products<kSize>(scores, a, keys, count);
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
    const int fits = unit_of(x.data, x.stride, args.head_size);
    unit = fits < unit ? fits : unit;
  }
  return unit;
}

/// Calls visit(Constant<the largest head size padded for the tensor cores>{}).
template <typename Visit>
void with_head_size(const AttentionGroups& groups, const Visit& visit) {
  int64_t head_size = 0;
  for (int i = 0; i < groups.count; ++i) {
    const int64_t own = groups.args[i].head_size;
    head_size = own > head_size ? own : head_size;
  }
  if (head_size <= 16) return visit(Constant<16>{});
  if (head_size <= 32) return visit(Constant<32>{});
  if (head_size <= 48) return visit(Constant<48>{});
  if (head_size <= 64) return visit(Constant<64>{});
  if (head_size <= 96) return visit(Constant<96>{});
  return visit(Constant<128>{});
}

inline dim3 attention_grid(int64_t num_heads, const AttentionSize& size, int64_t tile) {
  return dim3(static_cast<unsigned>(size.rows), static_cast<unsigned>(num_heads),
              static_cast<unsigned>(ceil_div(size.max_seqlen, tile)));
}

/// The grid of all heads; sets the units.
inline dim3 tile_grid(AttentionGroups& groups, const AttentionSize& size) {
  int64_t num_heads = 0;
  for (int i = 0; i < groups.count; ++i) {
    groups.units[i] = attention_unit(groups.args[i]);
    num_heads += groups.args[i].num_heads;
  }
  return attention_grid(num_heads, size, kTile);
}

// The kernels of types of two bytes, and of fp32.
void attention_forward_tiles(Type type, AttentionGroups groups, const AttentionSize& size,
                             Stream stream);
void attention_backward_tiles(Type type, AttentionGroups groups, const AttentionSize& size,
                              Stream stream);
void attention_forward_fp32(const isa::AttentionArgs& args, const AttentionSize& size,
                            Stream stream);
void attention_backward_fp32(const isa::AttentionArgs& args, const AttentionSize& size,
                             float* row_dots, Stream stream);

}  // namespace pals::cuda

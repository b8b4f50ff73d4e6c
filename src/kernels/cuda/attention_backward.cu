// Attention backward on tensor cores, without atomics.
//
// The keys' kernel: a block has 64 keys of one row of text in one head and passes over the row's
// queries, 64 at a time. Warps first have 16 queries each: they make the probabilities and the
// gradient of the scores, which go to shared memory; then 16 keys each, whose dk and dv they sum
// up. In rows of at most 64 tokens, which most are, the same block knows all that dq is made of,
// and the sums of p dp too. For longer rows the queries' kernel comes before it, with 64 queries a
// block, and leaves dq and those sums.
#include "kernels/cuda/attention.cuh"

namespace pals::cuda {
namespace {

constexpr int kScoreStride = kTile + 8;

/// Everything of a block that both kernels need.
struct Place {
  RowSpan span;
  int64_t head, column;
  int size, warp_row;
};

__device__ inline Place place_of(const isa::AttentionArgs& args, int64_t head) {
  return {row_span(args, blockIdx.x), head, head * args.head_size, static_cast<int>(args.head_size),
          static_cast<int>(threadIdx.x) / kWarp * 16};
}

/// What a lane knows of its two queries of a tile.
struct Queries {
  float logsumexp[2];  ///< times log2(e); infinite for a query that is not there
  DropoutRow dropout[2];
};

__device__ inline Queries queries_of(const isa::AttentionArgs& args, const Place& place, int begin,
                                     int count) {
  const LanePlace lane;
  Queries queries = {{kInfinity, kInfinity}, {}};
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int row = place.warp_row + lane.row + 8 * half;
    if (row >= count) continue;
    const int64_t query = place.span.first_query + begin + row;
    queries.logsumexp[half] = args.logsumexp[query * args.num_heads + place.head] * kLog2E;
    if (drops(args)) queries.dropout[half] = dropout_row(args.dropout, query);
  }
  return queries;
}

/// values times the scale where they are kept, else 0.
__device__ inline void drop_by(uint32_t kept, float scale, float (&values)[kTile / 8][4]) {
#pragma unroll
  for (int n = 0; n < kTile / 8; ++n) {
#pragma unroll
    for (int i = 0; i < 4; ++i) values[n][i] *= (kept >> (n * 4 + i) & 1U) != 0 ? scale : 0.0F;
  }
}

/// Scores to probabilities p, in place, and d = d_context V^T to d times the dropout factor.
/// Returns which of a lane's 32 probabilities dropout keeps: number i of tile n at bit 4n + i.
__device__ inline uint32_t probabilities_of(const isa::AttentionArgs& args, const Place& place,
                                            const Queries& queries, int first_key, int keys,
                                            float (&scores)[kTile / 8][4],
                                            float (&d)[kTile / 8][4]) {
  const LanePlace lane;
  const float scale = args.scale * kLog2E;
  uint32_t kept = kAllLanes;
  if (drops(args)) {
    kept = 0;
    const auto pair = static_cast<uint32_t>((place.head * 4096 + first_key + lane.column) / 2);
#pragma unroll
    for (int n = 0; n < kTile / 8; ++n) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const uint32_t bits = dropout_bits(queries.dropout[half], pair + n * 4);
        kept |= (keeps_even(bits, args.dropout.threshold) ? 1U : 0U) << (n * 4 + 2 * half);
        kept |= (keeps_odd(bits, args.dropout.threshold) ? 2U : 0U) << (n * 4 + 2 * half);
      }
    }
    drop_by(kept, args.dropout.scale, d);
  }
#pragma unroll
  for (int n = 0; n < kTile / 8; ++n) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const bool exists = n * 8 + lane.column + i % 2 < keys;
      scores[n][i] = exists ? exp2f(scores[n][i] * scale - queries.logsumexp[i / 2]) : 0.0F;
    }
  }
  return kept;
}

/// A lane's part of the sums over keys of p d.
__device__ inline void dots_of(const float (&p)[kTile / 8][4], const float (&d)[kTile / 8][4],
                               float (&dots)[2]) {
  dots[0] = dots[1] = 0.0F;
#pragma unroll
  for (int n = 0; n < kTile / 8; ++n) {
#pragma unroll
    for (int i = 0; i < 4; ++i) dots[i / 2] += p[n][i] * d[n][i];
  }
  dots[0] = row_sum(dots[0]);
  dots[1] = row_sum(dots[1]);
}

/// d = the gradient of the unscaled scores: scale p (d - the row's sum of p d).
__device__ inline void scores_gradient(const isa::AttentionArgs& args,
                                       const float (&p)[kTile / 8][4], const float (&dots)[2],
                                       float (&d)[kTile / 8][4]) {
#pragma unroll
  for (int n = 0; n < kTile / 8; ++n) {
#pragma unroll
    for (int i = 0; i < 4; ++i) d[n][i] = p[n][i] * (d[n][i] - dots[i / 2]) * args.scale;
  }
}

/// Writes a warp's 16 x 64 numbers to its rows of a tile of scores; columns below `count` only.
template <typename T>
__device__ inline void keep_scores(T* tile, int warp_row, int count,
                                   const float (&values)[kTile / 8][4]) {
  const LanePlace lane;
#pragma unroll
  for (int n = 0; n < kTile / 8; ++n) {
    if (n / 2 * 16 >= count) continue;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      T* to = tile + (warp_row + lane.row + 8 * half) * kScoreStride + n * 8 + lane.column;
      *reinterpret_cast<uint32_t*>(to) =
          narrow_pair<T>(values[n][2 * half], values[n][2 * half + 1]);
    }
  }
}

/// dq [16 queries] += gradient of the scores times keys.
template <int kSize, typename T>
__device__ inline void add_to_dq(float (&dq)[kSize / 8][4], const float (&d)[kTile / 8][4],
                                 const T* k_tile, int keys) {
#pragma unroll
  for (int j = 0; j < kTile / 16; ++j) {
    if (j * 16 >= keys) continue;
    uint32_t left[4];
    as_left<T>(left, d, j);
    multiply_rows<kSize>(dq, left, k_tile, j * 16);
  }
}

/// dk and dv; with kWhole of rows of at most 64 tokens, and their dq, else of the longer ones.
template <typename T, int kSize, bool kWhole>
__global__ void __launch_bounds__(kTileThreads)
    attention_backward_keys_kernel(AttentionGroups groups) {
  constexpr int kTileElements = kTile * kTileStride<kSize>;
  const GroupHead own = group_head(groups);
  const isa::AttentionArgs args = groups.args[own.group];
  const float* row_dots = groups.row_dots[own.group];
  const int unit = groups.units[own.group];
  const Place place = place_of(args, own.head);
  const RowSpan& span = place.span;
  const int first_key = static_cast<int>(blockIdx.z) * kTile;
  if (first_key >= span.length || kWhole != (span.length <= kTile)) return;
  const int keys = span.length - first_key < kTile ? span.length - first_key : kTile;
  const float no_factors[2] = {1.0F, 1.0F};
  const LanePlace lane;
  T* k_tile = shared_memory<T>();
  T* v_tile = k_tile + kTileElements;
  T* q_tile = v_tile + kTileElements;
  T* d_tile = q_tile + kTileElements;  // of d_context
  T* p_scores = d_tile + kTileElements;
  T* d_scores = p_scores + kTile * kScoreStride;

  load_tile<kSize>(k_tile, args.k, span.first + first_key, keys, place.column, place.size, unit);
  load_tile<kSize>(v_tile, args.v, span.first + first_key, keys, place.column, place.size, unit);
  float dk[kSize / 8][4] = {}, dv[kSize / 8][4] = {};
  // A single turn in whole rows, so that nothing need be kept for another.
  for (int begin = 0; begin < (kWhole ? 1 : span.queries); begin += kTile) {
    const int count = span.queries - begin < kTile ? span.queries - begin : kTile;
    const int64_t first_query = span.first_query + begin;
    if (begin > 0) __syncthreads();
    load_tile<kSize>(q_tile, args.q, first_query, count, place.column, place.size, unit);
    load_tile<kSize>(d_tile, args.d_context, first_query, count, place.column, place.size, unit);
    wait_for_copies();
    __syncthreads();
    if (place.warp_row < count) {
      const Queries queries = queries_of(args, place, begin, count);
      float p[kTile / 8][4], d[kTile / 8][4];
      uint32_t left[kSize / 16][4];
      load_left<kSize>(left, q_tile, place.warp_row);
      multiply_keys<kSize>(p, left, k_tile, keys);
      load_left<kSize>(left, d_tile, place.warp_row);
      multiply_keys<kSize>(d, left, v_tile, keys);
      const uint32_t kept = probabilities_of(args, place, queries, first_key, keys, p, d);
      float dots[2] = {};
      if constexpr (kWhole) {
        dots_of(p, d, dots);
      } else {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const int row = place.warp_row + lane.row + 8 * half;
          if (row < count) dots[half] = row_dots[(first_query + row) * args.num_heads + place.head];
        }
      }
      scores_gradient(args, p, dots, d);
      keep_scores(d_scores, place.warp_row, keys, d);
      if (drops(args)) drop_by(kept, args.dropout.scale, p);
      keep_scores(p_scores, place.warp_row, keys, p);
      if constexpr (kWhole) {
        float dq[kSize / 8][4] = {};
        add_to_dq<kSize>(dq, d, k_tile, keys);
        store_rows<kSize, T>(dq, no_factors, args.dq, first_query + place.warp_row,
                             count - place.warp_row, place.column, place.size, unit);
      }
    }
    __syncthreads();
    if (place.warp_row < keys) {
#pragma unroll
      for (int j = 0; j < kTile / 16; ++j) {
        if (j * 16 >= count) continue;
        uint32_t left[4];
        load_transposed(left, columns_first<kScoreStride>(p_scores, j * 16, place.warp_row));
        multiply_rows<kSize>(dv, left, d_tile, j * 16);
        load_transposed(left, columns_first<kScoreStride>(d_scores, j * 16, place.warp_row));
        multiply_rows<kSize>(dk, left, q_tile, j * 16);
      }
    }
  }
  if (place.warp_row >= keys) return;
  const int64_t first = span.first + first_key + place.warp_row;
  const int rows = keys - place.warp_row;
  store_rows<kSize, T>(dk, no_factors, args.dk, first, rows, place.column, place.size, unit);
  store_rows<kSize, T>(dv, no_factors, args.dv, first, rows, place.column, place.size, unit);
}

/// Rows of more than 64 tokens: dq, and the sums of p dp as those of context times d_context.
template <typename T, int kSize>
__global__ void __launch_bounds__(kTileThreads)
    attention_backward_queries_kernel(AttentionGroups groups) {
  constexpr int kTileElements = kTile * kTileStride<kSize>;
  const GroupHead own = group_head(groups);
  const isa::AttentionArgs args = groups.args[own.group];
  float* row_dots = groups.row_dots[own.group];
  const int unit = groups.units[own.group];
  const Place place = place_of(args, own.head);
  const RowSpan& span = place.span;
  const int begin = static_cast<int>(blockIdx.z) * kTile;
  if (span.length <= kTile || begin >= span.queries) return;
  const int count = span.queries - begin < kTile ? span.queries - begin : kTile;
  const int64_t first_query = span.first_query + begin;
  const bool works = place.warp_row < count;
  const LanePlace lane;
  T* q_tile = shared_memory<T>();
  T* d_tile = q_tile + kTileElements;
  T* k_tile = d_tile + kTileElements;
  T* v_tile = k_tile + kTileElements;

  load_tile<kSize>(q_tile, args.q, first_query, count, place.column, place.size, unit);
  load_tile<kSize>(d_tile, args.d_context, first_query, count, place.column, place.size, unit);
  load_tile<kSize>(k_tile, args.context, first_query, count, place.column, place.size, unit);
  wait_for_copies();
  __syncthreads();
  uint32_t q_left[kSize / 16][4], d_left[kSize / 16][4];
  float dots[2] = {};
  if (works) {
    load_left<kSize>(q_left, q_tile, place.warp_row);
    load_left<kSize>(d_left, d_tile, place.warp_row);
#pragma unroll
    for (int k = 0; k < kSize / 16; ++k) {
      uint32_t context[4];
      load_matrices(context, rows_first<kTileStride<kSize>>(k_tile, place.warp_row, k * 16));
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const uint32_t x = context[i], y = d_left[k][i];
        dots[i % 2] +=
            to_float(T{static_cast<uint16_t>(x)}) * to_float(T{static_cast<uint16_t>(y)});
        dots[i % 2] += to_float(T{static_cast<uint16_t>(x >> 16)}) *
                       to_float(T{static_cast<uint16_t>(y >> 16)});
      }
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      dots[half] = row_sum(dots[half]);
      const int row = place.warp_row + lane.row + 8 * half;
      if (row < count && lane.column == 0) {
        row_dots[(first_query + row) * args.num_heads + place.head] = dots[half];
      }
    }
  }
  const Queries queries = queries_of(args, place, begin, count);
  float dq[kSize / 8][4] = {};
  for (int first_key = 0; first_key < span.length; first_key += kTile) {
    const int keys = span.length - first_key < kTile ? span.length - first_key : kTile;
    __syncthreads();
    load_tile<kSize>(k_tile, args.k, span.first + first_key, keys, place.column, place.size, unit);
    load_tile<kSize>(v_tile, args.v, span.first + first_key, keys, place.column, place.size, unit);
    wait_for_copies();
    __syncthreads();
    if (!works) continue;
    float p[kTile / 8][4], d[kTile / 8][4];
    multiply_keys<kSize>(p, q_left, k_tile, keys);
    multiply_keys<kSize>(d, d_left, v_tile, keys);
    probabilities_of(args, place, queries, first_key, keys, p, d);
    scores_gradient(args, p, dots, d);
    add_to_dq<kSize>(dq, d, k_tile, keys);
  }
  if (!works) return;
  const float no_factors[2] = {1.0F, 1.0F};
  store_rows<kSize, T>(dq, no_factors, args.dq, first_query + place.warp_row,
                       count - place.warp_row, place.column, place.size, unit);
}

}  // namespace

void attention_backward_tiles(Type type, AttentionGroups groups, const AttentionSize& size,
                              Stream stream) {
  const dim3 grid = tile_grid(groups, size);
  const auto launch_for = [&](auto zero) {
    using T = decltype(zero);
    with_head_size(groups, [&](auto padded) {
      constexpr int kSize = decltype(padded)::kValue;
      constexpr size_t kTiles = 4 * sizeof(T) * kTile * kTileStride<kSize>;
      constexpr size_t kScores = 2 * sizeof(T) * kTile * kScoreStride;
      if (size.max_seqlen > kTile) {
        launch(attention_backward_queries_kernel<T, kSize>, grid, dim3(kTileThreads), kTiles,
               stream, groups);
        launch(attention_backward_keys_kernel<T, kSize, false>, grid, dim3(kTileThreads),
               kTiles + kScores, stream, groups);
      }
      launch(attention_backward_keys_kernel<T, kSize, true>, dim3(grid.x, grid.y),
             dim3(kTileThreads), kTiles + kScores, stream, groups);
    });
  };
  if (type == Type::kBFloat16) {
    launch_for(Bf16{});
  } else {
    launch_for(Fp16{});
  }
}

void attention_backward(Type type, const AttentionGroups& groups, const AttentionSize& size,
                        Stream stream) {
  if (type != Type::kFloat) return attention_backward_tiles(type, groups, size, stream);
  for (int i = 0; i < groups.count; ++i) {
    attention_backward_fp32(groups.args[i], size, groups.row_dots[i], stream);
  }
}

}  // namespace pals::cuda

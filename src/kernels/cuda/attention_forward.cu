// Attention forward on tensor cores: a block has 64 queries of one row of text in one head, each of
// its warps 16 of them. The heads may be those of two attentions over the same rows. Keys and
// values pass through shared memory 64 at a time, with a running softmax; most rows of text are
// shorter than that and are done in one turn, of which warps and tiles of 16 without tokens leave
// out their part.
#include "kernels/cuda/attention.cuh"

namespace pals::cuda {
namespace {

/// The softmax so far of a lane's two rows: the largest score (times log2(e)) and the lane's part
/// of the sum of exponentials.
struct RunningSoftmax {
  float top[2] = {-kInfinity, -kInfinity};
  float sum[2] = {0.0F, 0.0F};
};

/// Scores to exponentials, in place; returns what to multiply earlier results by.
struct Corrections {
  float factor[2];
};
__device__ inline Corrections softmax_step(float (&scores)[kTile / 8][4], int count, float scale,
                                           RunningSoftmax& softmax) {
  const LanePlace lane;
  float top[2] = {softmax.top[0], softmax.top[1]};
#pragma unroll
  for (int n = 0; n < kTile / 8; ++n) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const bool exists = n * 8 + lane.column + i % 2 < count;
      scores[n][i] = exists ? scores[n][i] * scale : -kInfinity;
      top[i / 2] = fmaxf(top[i / 2], scores[n][i]);
    }
  }
  Corrections corrections;
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    top[half] = row_max(top[half]);
    corrections.factor[half] = exp2f(softmax.top[half] - top[half]);
    softmax.sum[half] *= corrections.factor[half];
    softmax.top[half] = top[half];
  }
#pragma unroll
  for (int n = 0; n < kTile / 8; ++n) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      scores[n][i] = exp2f(scores[n][i] - top[i / 2]);
      softmax.sum[i / 2] += scores[n][i];
    }
  }
  return corrections;
}

/// Zeroes what dropout takes of the probabilities of keys `first_key` and on; what is kept is
/// scaled at the end.
__device__ inline void drop_scores(const isa::AttentionArgs& args, const DropoutRow (&rows)[2],
                                   int64_t head, int first_key, float (&scores)[kTile / 8][4]) {
  const LanePlace lane;
  const auto pair = static_cast<uint32_t>((head * 4096 + first_key + lane.column) / 2);
#pragma unroll
  for (int n = 0; n < kTile / 8; ++n) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const uint32_t bits = dropout_bits(rows[half], pair + n * 4);
      if (!keeps_even(bits, args.dropout.threshold)) scores[n][2 * half] = 0.0F;
      if (!keeps_odd(bits, args.dropout.threshold)) scores[n][2 * half + 1] = 0.0F;
    }
  }
}

template <typename T, int kSize>
__global__ void __launch_bounds__(kTileThreads) attention_forward_kernel(AttentionGroups groups) {
  constexpr int kTileElements = kTile * kTileStride<kSize>;
  const GroupHead own = group_head(groups);
  const isa::AttentionArgs args = groups.args[own.group];
  const int unit = groups.units[own.group];
  const RowSpan span = row_span(args, blockIdx.x);
  const int begin = static_cast<int>(blockIdx.z) * kTile;
  if (begin >= span.queries) return;
  const int64_t head = own.head, column = head * args.head_size;
  const int size = static_cast<int>(args.head_size);
  const int queries = span.queries - begin < kTile ? span.queries - begin : kTile;
  const int64_t first_query = span.first_query + begin;
  const int warp_row = static_cast<int>(threadIdx.x) / kWarp * 16;
  const bool works = warp_row < queries;
  const LanePlace lane;
  T* q_tile = shared_memory<T>();
  T* k_tile = q_tile + kTileElements;
  T* v_tile = k_tile + kTileElements;

  DropoutRow dropout[2] = {};
  if (drops(args)) {
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      const int row = warp_row + lane.row + 8 * half;
      if (row < queries) dropout[half] = dropout_row(args.dropout, first_query + row);
    }
  }
  load_tile<kSize>(q_tile, args.q, first_query, queries, column, size, unit);
  uint32_t left[kSize / 16][4];
  float out[kSize / 8][4] = {};
  RunningSoftmax softmax;
  for (int first_key = 0; first_key < span.length; first_key += kTile) {
    const int keys = span.length - first_key < kTile ? span.length - first_key : kTile;
    if (first_key > 0) __syncthreads();
    load_tile<kSize>(k_tile, args.k, span.first + first_key, keys, column, size, unit);
    load_tile<kSize>(v_tile, args.v, span.first + first_key, keys, column, size, unit);
    wait_for_copies();
    __syncthreads();
    if (!works) continue;
    if (first_key == 0) load_left<kSize>(left, q_tile, warp_row);
    float scores[kTile / 8][4];
    multiply_keys<kSize>(scores, left, k_tile, keys);
    const Corrections corrections = softmax_step(scores, keys, args.scale * kLog2E, softmax);
    if (drops(args)) drop_scores(args, dropout, head, first_key, scores);
#pragma unroll
    for (int n = 0; n < kSize / 8; ++n) {
#pragma unroll
      for (int i = 0; i < 4; ++i) out[n][i] *= corrections.factor[i / 2];
    }
#pragma unroll
    for (int j = 0; j < kTile / 16; ++j) {
      if (j * 16 >= keys) continue;
      uint32_t probabilities[4];
      as_left<T>(probabilities, scores, j);
      multiply_rows<kSize>(out, probabilities, v_tile, j * 16);
    }
  }
  if (!works) return;
  float factors[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const float total = row_sum(softmax.sum[half]);
    factors[half] = (drops(args) ? args.dropout.scale : 1.0F) / total;
    const int row = warp_row + lane.row + 8 * half;
    if (row < queries && lane.column == 0) {
      args.logsumexp[(first_query + row) * args.num_heads + head] =
          softmax.top[half] / kLog2E + logf(total);
    }
  }
  store_rows<kSize, T>(out, factors, args.context, first_query + warp_row, queries - warp_row,
                       column, size, unit);
}

}  // namespace

void attention_forward_tiles(Type type, AttentionGroups groups, const AttentionSize& size,
                             Stream stream) {
  const dim3 grid = tile_grid(groups, size);
  const auto launch_for = [&](auto zero) {
    using T = decltype(zero);
    with_head_size(groups, [&](auto padded) {
      constexpr int kSize = decltype(padded)::kValue;
      launch(attention_forward_kernel<T, kSize>, grid, dim3(kTileThreads),
             3 * sizeof(T) * kTile * kTileStride<kSize>, stream, groups);
    });
  };
  if (type == Type::kBFloat16) {
    launch_for(Bf16{});
  } else {
    launch_for(Fp16{});
  }
}

void attention_forward(Type type, const AttentionGroups& groups, const AttentionSize& size,
                       Stream stream) {
  if (type != Type::kFloat) return attention_forward_tiles(type, groups, size, stream);
  for (int i = 0; i < groups.count; ++i) attention_forward_fp32(groups.args[i], size, stream);
}

}  // namespace pals::cuda

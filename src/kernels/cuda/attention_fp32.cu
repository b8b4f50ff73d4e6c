// Attention in fp32, without tensor cores: for training and tests in full precision. A block's four
// warps have four queries (or, for dk and dv, keys) each; the other side passes through shared
// memory 32 tokens at a time, one a lane.
#include "kernels/cuda/attention.cuh"

namespace pals::cuda {
namespace {

constexpr int kSideWarps = 4;
constexpr int kOwn = 4;                       // tokens that a warp owns
constexpr int kBlockOwn = kSideWarps * kOwn;  // and a block
constexpr int kOthers = kWarp;                // tokens of the other side, one a lane
constexpr int kSideThreads = kSideWarps * kWarp;
constexpr int kMostColumns = static_cast<int>(kLargestHead) / kWarp;  // of a head, a lane's share

/// Copies tokens' heads to rows of `stride` in shared memory; tokens beyond `rows` become 0.
__device__ void load_side(float* to, int stride, const isa::Matrix& from, int64_t first, int rows,
                          int filled, int64_t column, int size) {
  for (int i = static_cast<int>(threadIdx.x); i < filled * size; i += kSideThreads) {
    const int row = i / size, at = i % size;
    to[row * stride + at] = row < rows ? row_of<float>(from, first + row)[column + at] : 0.0F;
  }
}

__device__ float dot(const float* x, const float* y, int size) {
  float sum = 0.0F;
  for (int i = 0; i < size; ++i) sum = fmaf(x[i], y[i], sum);
  return sum;
}

/// A lane's columns of sums over tokens: sums[c] += factors[j] * rows[j][lane + 32c].
__device__ void add_rows(float (&sums)[kMostColumns], const float* factors, const float* rows,
                         int stride, int count, int size) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
#pragma unroll
  for (int c = 0; c < kMostColumns; ++c) {
    const int at = lane + c * kWarp;
    if (at >= size) continue;
    for (int j = 0; j < count; ++j) sums[c] = fmaf(factors[j], rows[j * stride + at], sums[c]);
  }
}

__device__ void store_sums(const float (&sums)[kMostColumns], float factor, const isa::Matrix& to,
                           int64_t row, int64_t column, int size) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
#pragma unroll
  for (int c = 0; c < kMostColumns; ++c) {
    const int at = lane + c * kWarp;
    if (at < size) row_of<float>(to, row)[column + at] = sums[c] * factor;
  }
}

/// The block's and its warp's place; tokens of the own side from `begin`, those of the other side
/// as they come.
struct Side {
  RowSpan span;
  int64_t head, column;
  int size, begin, warp, lane;
};

__device__ Side side_of(const isa::AttentionArgs& args) {
  return {row_span(args, blockIdx.x),
          blockIdx.y,
          blockIdx.y * args.head_size,
          static_cast<int>(args.head_size),
          static_cast<int>(blockIdx.z) * kBlockOwn,
          static_cast<int>(threadIdx.x) / kWarp,
          static_cast<int>(threadIdx.x) % kWarp};
}

__device__ int smaller(int a, int b) { return a < b ? a : b; }

__device__ uint32_t dropout_column(int64_t head, int key) {
  return static_cast<uint32_t>(head * 4096 + key);
}

__global__ void __launch_bounds__(kSideThreads)
    attention_forward_fp32_kernel(isa::AttentionArgs args) {
  const Side side = side_of(args);
  const RowSpan& span = side.span;
  if (side.begin >= span.queries) return;
  const int own = smaller(span.queries - side.begin, kBlockOwn);
  const int size = side.size, stride = size + 1;
  float* q = shared_memory<float>();                          // [kBlockOwn][size]
  float* k = q + kBlockOwn * size;                            // [kOthers][stride]
  float* v = k + kOthers * stride;                            // [kOthers][stride]
  float* factors = v + kOthers * stride + side.warp * kWarp;  // a warp's own
  const int64_t first_query = span.first_query + side.begin;
  load_side(q, size, args.q, first_query, own, kBlockOwn, side.column, size);

  float top[kOwn], sum[kOwn] = {}, out[kOwn][kMostColumns] = {};
#pragma unroll
  for (int i = 0; i < kOwn; ++i) top[i] = -kInfinity;
  for (int first_key = 0; first_key < span.length; first_key += kOthers) {
    const int keys = smaller(span.length - first_key, kOthers);
    __syncthreads();
    load_side(k, stride, args.k, span.first + first_key, keys, kOthers, side.column, size);
    load_side(v, stride, args.v, span.first + first_key, keys, kOthers, side.column, size);
    __syncthreads();
#pragma unroll
    for (int i = 0; i < kOwn; ++i) {
      const int row = side.warp * kOwn + i;
      if (row >= own) continue;
      const float score = side.lane < keys
                              ? dot(q + row * size, k + side.lane * stride, size) * args.scale
                              : -kInfinity;
      const float new_top = fmaxf(top[i], warp_max(score));
      const float correction = expf(top[i] - new_top);
      const float p = expf(score - new_top);
      top[i] = new_top;
      sum[i] = sum[i] * correction + p;
      float factor = 1.0F;
      if (drops(args)) {
        factor = dropout_factor(args.dropout, dropout_row(args.dropout, first_query + row),
                                dropout_column(side.head, first_key + side.lane));
      }
      __syncwarp();
      factors[side.lane] = p * factor;
      __syncwarp();
#pragma unroll
      for (int c = 0; c < kMostColumns; ++c) out[i][c] *= correction;
      add_rows(out[i], factors, v, stride, keys, size);
    }
  }
#pragma unroll
  for (int i = 0; i < kOwn; ++i) {
    const int row = side.warp * kOwn + i;
    if (row >= own) continue;
    const float total = warp_sum(sum[i]);
    store_sums(out[i], 1.0F / total, args.context, first_query + row, side.column, size);
    if (side.lane == 0) {
      args.logsumexp[(first_query + row) * args.num_heads + side.head] = top[i] + logf(total);
    }
  }
}

/// One probability of backward, and the gradient of what dropout has left of it.
struct Probability {
  float p, dropped, d;  ///< p; p times the factor; d_context V^T times the factor
};

__device__ Probability probability_of(const isa::AttentionArgs& args, const float* q,
                                      const float* k, const float* d_context, const float* v,
                                      int size, float logsumexp, float factor) {
  const float p = expf(dot(q, k, size) * args.scale - logsumexp);
  return {p, p * factor, dot(d_context, v, size) * factor};
}

/// dq, and for the other kernel the sums over keys of p d: over the keys once for the sums, and
/// once more with them.
__global__ void __launch_bounds__(kSideThreads)
    attention_backward_queries_fp32_kernel(isa::AttentionArgs args, float* row_dots) {
  const Side side = side_of(args);
  const RowSpan& span = side.span;
  if (side.begin >= span.queries) return;
  const int own = smaller(span.queries - side.begin, kBlockOwn);
  const int size = side.size, stride = size + 1;
  float* q = shared_memory<float>();        // [kBlockOwn][size]
  float* d_context = q + kBlockOwn * size;  // [kBlockOwn][size]
  float* k = d_context + kBlockOwn * size;  // [kOthers][stride]
  float* v = k + kOthers * stride;          // [kOthers][stride]
  float* factors = v + kOthers * stride + side.warp * kWarp;
  const int64_t first_query = span.first_query + side.begin;
  load_side(q, size, args.q, first_query, own, kBlockOwn, side.column, size);
  load_side(d_context, size, args.d_context, first_query, own, kBlockOwn, side.column, size);

  float dots[kOwn] = {}, dq[kOwn][kMostColumns] = {};
  for (int pass = 0; pass < 2; ++pass) {
    for (int first_key = 0; first_key < span.length; first_key += kOthers) {
      const int keys = smaller(span.length - first_key, kOthers);
      __syncthreads();
      load_side(k, stride, args.k, span.first + first_key, keys, kOthers, side.column, size);
      load_side(v, stride, args.v, span.first + first_key, keys, kOthers, side.column, size);
      __syncthreads();
#pragma unroll
      for (int i = 0; i < kOwn; ++i) {
        const int row = side.warp * kOwn + i;
        if (row >= own) continue;
        const int64_t query = first_query + row;
        float factor = side.lane < keys ? 1.0F : 0.0F;
        if (drops(args)) {
          factor *= dropout_factor(args.dropout, dropout_row(args.dropout, query),
                                   dropout_column(side.head, first_key + side.lane));
        }
        const Probability probability =
            probability_of(args, q + row * size, k + side.lane * stride, d_context + row * size,
                           v + side.lane * stride, size,
                           args.logsumexp[query * args.num_heads + side.head], factor);
        if (pass == 0) {
          dots[i] += probability.p * probability.d;
        } else {
          __syncwarp();
          factors[side.lane] = probability.p * (probability.d - dots[i]) * args.scale;
          __syncwarp();
          add_rows(dq[i], factors, k, stride, keys, size);
        }
      }
    }
    if (pass == 0) {
#pragma unroll
      for (int i = 0; i < kOwn; ++i) dots[i] = warp_sum(dots[i]);
    }
  }
#pragma unroll
  for (int i = 0; i < kOwn; ++i) {
    const int row = side.warp * kOwn + i;
    if (row >= own) continue;
    store_sums(dq[i], 1.0F, args.dq, first_query + row, side.column, size);
    if (side.lane == 0) {
      row_dots[(first_query + row) * args.num_heads + side.head] = dots[i];
    }
  }
}

/// dk and dv: warps own keys, and queries pass by.
__global__ void __launch_bounds__(kSideThreads)
    attention_backward_keys_fp32_kernel(isa::AttentionArgs args, const float* row_dots) {
  const Side side = side_of(args);
  const RowSpan& span = side.span;
  if (side.begin >= span.length) return;
  const int own = smaller(span.length - side.begin, kBlockOwn);
  const int size = side.size, stride = size + 1;
  float* k = shared_memory<float>();                                      // [kBlockOwn][size]
  float* v = k + kBlockOwn * size;                                        // [kBlockOwn][size]
  float* q = v + kBlockOwn * size;                                        // [kOthers][stride]
  float* d_context = q + kOthers * stride;                                // [kOthers][stride]
  float* factors = d_context + kOthers * stride + side.warp * 2 * kWarp;  // of dv, then of dk
  const int64_t first_key = span.first + side.begin;
  load_side(k, size, args.k, first_key, own, kBlockOwn, side.column, size);
  load_side(v, size, args.v, first_key, own, kBlockOwn, side.column, size);

  float dk[kOwn][kMostColumns] = {}, dv[kOwn][kMostColumns] = {};
  for (int begin = 0; begin < span.queries; begin += kOthers) {
    const int queries = smaller(span.queries - begin, kOthers);
    const int64_t first_query = span.first_query + begin;
    __syncthreads();
    load_side(q, stride, args.q, first_query, queries, kOthers, side.column, size);
    load_side(d_context, stride, args.d_context, first_query, queries, kOthers, side.column, size);
    __syncthreads();
    const bool exists = side.lane < queries;
    const int64_t at = (first_query + side.lane) * args.num_heads + side.head;
    float logsumexp = kInfinity;
    if (exists) logsumexp = args.logsumexp[at];
    const float dots = exists ? row_dots[at] : 0.0F;
    const DropoutRow dropout =
        drops(args) && exists ? dropout_row(args.dropout, first_query + side.lane) : DropoutRow{};
#pragma unroll
    for (int i = 0; i < kOwn; ++i) {
      const int row = side.warp * kOwn + i;
      if (row >= own) continue;
      const float factor = drops(args) ? dropout_factor(args.dropout, dropout,
                                                        dropout_column(side.head, side.begin + row))
                                       : 1.0F;
      const Probability probability =
          probability_of(args, q + side.lane * stride, k + row * size,
                         d_context + side.lane * stride, v + row * size, size, logsumexp, factor);
      __syncwarp();
      factors[side.lane] = probability.dropped;
      factors[kWarp + side.lane] = probability.p * (probability.d - dots) * args.scale;
      __syncwarp();
      add_rows(dv[i], factors, d_context, stride, queries, size);
      add_rows(dk[i], factors + kWarp, q, stride, queries, size);
    }
  }
#pragma unroll
  for (int i = 0; i < kOwn; ++i) {
    const int row = side.warp * kOwn + i;
    if (row >= own) continue;
    store_sums(dk[i], 1.0F, args.dk, first_key + row, side.column, size);
    store_sums(dv[i], 1.0F, args.dv, first_key + row, side.column, size);
  }
}

/// Bytes of shared memory: `own` matrices of the own side, two of the other, and factors.
size_t shared_bytes_of(const isa::AttentionArgs& args, int own) {
  const auto size = static_cast<size_t>(args.head_size);
  return sizeof(float) * (static_cast<size_t>(own * kBlockOwn) * size + 2 * kOthers * (size + 1) +
                          2 * kSideThreads);
}

}  // namespace

void attention_forward_fp32(const isa::AttentionArgs& args, const AttentionSize& size,
                            Stream stream) {
  launch(attention_forward_fp32_kernel, attention_grid(args.num_heads, size, kBlockOwn),
         dim3(kSideThreads), shared_bytes_of(args, 1), stream, args);
}

void attention_backward_fp32(const isa::AttentionArgs& args, const AttentionSize& size,
                             float* row_dots, Stream stream) {
  const dim3 grid = attention_grid(args.num_heads, size, kBlockOwn);
  launch(attention_backward_queries_fp32_kernel, grid, dim3(kSideThreads), shared_bytes_of(args, 2),
         stream, args, row_dots);
  launch(attention_backward_keys_fp32_kernel, grid, dim3(kSideThreads), shared_bytes_of(args, 2),
         stream, args, row_dots);
}

}  // namespace pals::cuda

// BERTAdam over many tensors: a block sums the squares of a chunk's gradients, a block then has one
// tensor's chunks and makes its clip factor, and blocks update chunks. A tensor's norm is summed in
// the order of its chunks. Which tensors these are, each block reads in the packed ranges.
#include "kernels/cuda/numbers.cuh"

namespace pals::cuda {
namespace {

constexpr int kAdamThreads = 256;
constexpr int kAdamWarps = kAdamThreads / kWarp;
constexpr int kVector = 4;  // floats of 16 bytes

/// A block's chunk: its elements, none beyond the last range, and the number of their range.
struct AdamChunk {
  int64_t begin, count, range;
};
__device__ inline AdamChunk chunk_of(const AdamArgs& args) {
  const auto number = static_cast<int64_t>(blockIdx.x);
  int64_t found = 0, end = args.num_ranges;  // the last that does not begin behind the chunk
  while (end - found > 1) {
    const int64_t middle = (found + end) / 2;
    (args.ranges[middle].first_chunk <= number ? found : end) = middle;
  }
  const AdamRange range = args.ranges[found].range;
  const int64_t done = (number - args.ranges[found].first_chunk) * kAdamChunk;
  const int64_t rest = range.numel - done;
  return {range.offset + done, rest < 0 ? 0 : rest < kAdamChunk ? rest : kAdamChunk, found};
}

/// Calls visit(first, count) for a thread's elements of a chunk: whole vectors from the first
/// multiple of 4 on, each thread one in turn, and what stands before and behind them.
template <typename Visit>
__device__ inline void for_elements(const AdamChunk& chunk, const Visit& visit) {
  const int64_t end = chunk.begin + chunk.count;
  const int64_t aligned = (chunk.begin + kVector - 1) / kVector * kVector;
  const int64_t first_vector = aligned < end ? aligned : end;
  const int64_t last_vector = first_vector + (end - first_vector) / kVector * kVector;
  const auto thread = static_cast<int64_t>(threadIdx.x);
  if (chunk.begin + thread < first_vector) visit(chunk.begin + thread, Constant<1>{});
#pragma unroll 2
  for (int64_t i = first_vector + thread * kVector; i < last_vector; i += kAdamThreads * kVector) {
    visit(i, Constant<kVector>{});
  }
  if (last_vector + thread < end) visit(last_vector + thread, Constant<1>{});
}

/// The sum over a block; in the first warp's lanes. `shared` [kAdamWarps].
template <typename Number>
__device__ inline Number block_sum(Number x, Number* shared) {
#pragma unroll
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    x += __shfl_xor_sync(kAllLanes, x, distance);
  }
  if (threadIdx.x % kWarp == 0) shared[threadIdx.x / kWarp] = x;
  __syncthreads();
  Number sum = 0;
  if (threadIdx.x < kWarp) {
#pragma unroll
    for (int warp = 0; warp < kAdamWarps; ++warp) sum += shared[warp];
  }
  return sum;
}

__global__ void __launch_bounds__(kAdamThreads) sum_squares_kernel(AdamArgs args) {
  float sum = 0.0F;
  for_elements(chunk_of(args), [&](int64_t first, auto count) {
    constexpr int kCount = decltype(count)::kValue;
    float g[kCount];
    load_floats(args.gradients + first, kCount, g);
#pragma unroll
    for (int i = 0; i < kCount; ++i) sum = fmaf(g[i], g[i], sum);
  });
  const float total = block_sum(sum, shared_memory<float>());
  if (threadIdx.x == 0) args.squares[blockIdx.x] = total;
}

__global__ void __launch_bounds__(kAdamThreads) clip_kernel(AdamArgs args) {
  const PackedRange packed = args.ranges[blockIdx.x];
  const int64_t begin = packed.first_chunk;
  const int64_t end = begin + ceil_div(packed.range.numel, kAdamChunk);
  double sum = 0.0;
  for (int64_t chunk = begin + threadIdx.x; chunk < end; chunk += kAdamThreads) {
    sum += static_cast<double>(args.squares[chunk]);
  }
  const double total = block_sum(sum, shared_memory<double>());
  if (threadIdx.x == 0) {
    const double factor = static_cast<double>(args.max_grad_norm) / (sqrt(total) + 1e-6);
    args.clips[blockIdx.x] = factor < 1.0 ? static_cast<float>(factor) : 1.0F;
  }
}

/// `S` is the shadow's type; float where there is none.
template <typename S>
__global__ void __launch_bounds__(kAdamThreads) bert_adam_kernel(AdamArgs args) {
  if (args.overflow != nullptr && *args.overflow != 0.0F) return;
  const AdamChunk chunk = chunk_of(args);
  const float clip = args.clips[chunk.range];
  const AdamRange& range = args.ranges[chunk.range].range;
  const float rate = range.learning_rate, decay = range.weight_decay;
  for_elements(chunk, [&](int64_t first, auto count) {
    constexpr int kCount = decltype(count)::kValue;
    float g[kCount], m[kCount], v[kCount], w[kCount];
    load_floats(args.gradients + first, kCount, g);
    load_floats(args.first_moment + first, kCount, m);
    load_floats(args.second_moment + first, kCount, v);
    load_floats(args.weights + first, kCount, w);
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      const float clipped = g[i] * clip;
      m[i] = m[i] * args.beta1 + clipped * (1.0F - args.beta1);
      v[i] = v[i] * args.beta2 + clipped * clipped * (1.0F - args.beta2);
      w[i] -= (m[i] / (sqrtf(v[i]) + args.epsilon) + w[i] * decay) * rate;
    }
    store_floats(args.first_moment + first, m, kCount);
    store_floats(args.second_moment + first, v, kCount);
    store_floats(args.weights + first, w, kCount);
    if constexpr (sizeof(S) == 2) {
      S* shadow = static_cast<S*>(args.shadow) + range.shadow_shift;
      if (range.columns == 0) {
        store_floats(shadow + first, w, kCount);
        return;
      }
      const auto columns = static_cast<uint32_t>(range.columns);
#pragma unroll
      for (int i = 0; i < kCount; ++i) {
        const auto element = static_cast<uint32_t>(first + i - range.offset);
        const uint32_t row = element / columns;
        const float one[1] = {w[i]};
        store_floats(shadow + range.offset + static_cast<int64_t>(row) * range.shadow_stride +
                         (element - row * columns),
                     one, 1);
      }
    }
  });
}

}  // namespace

void bert_adam(const AdamArgs& args, Stream stream) {
  const dim3 chunks(static_cast<unsigned>(args.num_chunks)), block(kAdamThreads);
  launch(sum_squares_kernel, chunks, block, sizeof(float) * kAdamWarps, stream, args);
  launch(clip_kernel, dim3(static_cast<unsigned>(args.num_ranges)), block,
         sizeof(double) * kAdamWarps, stream, args);
  if (args.shadow == nullptr) {
    launch(bert_adam_kernel<float>, chunks, block, 0, stream, args);
  } else if (args.shadow_type == Type::kBFloat16) {
    launch(bert_adam_kernel<Bf16>, chunks, block, 0, stream, args);
  } else {
    launch(bert_adam_kernel<Fp16>, chunks, block, 0, stream, args);
  }
}

}  // namespace pals::cuda

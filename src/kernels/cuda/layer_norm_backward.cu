// dropout + bias + residual + extra + LayerNorm backward.
#include "kernels/cuda/layer_norm.cuh"

namespace pals::cuda {
namespace {

/// What the gradient of one row needs besides its elements: means of g = gamma dy and of g times
/// the normed z.
struct RowMeans {
  float g, product;
};

/// Adds a pack's part to the sums that the means are made of.
template <typename T, int kWidth>
__device__ void add_to_means(const isa::LayerNormArgs& args, const Pack<T, kWidth>& z,
                             const Pack<T, kWidth>& dy, float mean, float rstd, int64_t first,
                             int count, RowMeans& sums) {
  float gamma[kWidth];
  load_floats(args.gamma + first, count, gamma);
#pragma unroll
  for (int i = 0; i < kWidth; ++i) {
    const float g = to_float(dy.values[i]) * gamma[i];
    sums.g += g;
    sums.product += g * ((to_float(z.values[i]) - mean) * rstd);
  }
}

/// The gradients of one pack: writes dz and dx, and adds to the sums of gamma, beta and bias.
template <typename T, int kWidth>
__device__ void gradient_of(const isa::LayerNormArgs& args, const DropoutRow& dropout, int64_t row,
                            int64_t first, int count, const Pack<T, kWidth>& z,
                            const Pack<T, kWidth>& dy, float mean, float rstd,
                            const RowMeans& means, float (&sums)[3][kWidth]) {
  float gamma[kWidth], d[kWidth];
  load_floats(args.gamma + first, count, gamma);
#pragma unroll
  for (int i = 0; i < kWidth; ++i) {
    const float normed = (to_float(z.values[i]) - mean) * rstd;
    const float out = to_float(dy.values[i]);
    sums[0][i] += i < count ? out * normed : 0.0F;
    sums[1][i] += out;
    d[i] = i < count ? (out * gamma[i] - means.g - normed * means.product) * rstd : 0.0F;
  }
  store_floats(row_of<T>(args.dz, row) + first, d, count);
  if (args.dropout.token_keys != nullptr) drop(args.dropout, dropout, first, d);
  if (args.dx.data != nullptr) store_floats(row_of<T>(args.dx, row) + first, d, count);
#pragma unroll
  for (int i = 0; i < kWidth; ++i) sums[2][i] += d[i];
}

/// A chunk of rows a block, rows shared by its warps; sums to partial [3][gridDim.x][columns].
template <typename T, int kWidth, int kElements>
__global__ void __launch_bounds__(kRowThreads)
    layer_norm_backward_kernel(isa::LayerNormArgs args, int64_t rows, int64_t rows_per_chunk,
                               float* partial) {
  constexpr int kPacks = kElements / kWidth;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const auto columns = static_cast<float>(args.columns);
  float sums[kPacks][3][kWidth] = {};
  const int64_t begin = blockIdx.x * rows_per_chunk;
  const int64_t end = begin + rows_per_chunk < rows ? begin + rows_per_chunk : rows;
  for (int64_t row = begin + warp; row < end; row += kRowWarps) {
    Pack<T, kWidth> z[kPacks] = {}, dy[kPacks] = {};
#pragma unroll
    for (int p = 0; p < kPacks; ++p) {
      const LanePack<kWidth> at(p, args.columns);
      if (at.count == 0) continue;
      z[p] = load_pack<kWidth>(row_of<T>(args.x, row) + at.first, at.count);
      dy[p] = load_pack<kWidth>(row_of<T>(args.dy, row) + at.first, at.count);
    }
    const float mean = args.mean[row], rstd = args.rstd[row];
    RowMeans means = {};
#pragma unroll
    for (int p = 0; p < kPacks; ++p) {
      const LanePack<kWidth> at(p, args.columns);
      if (at.count > 0) {
        add_to_means(args, z[p], dy[p], mean, rstd, at.first, at.count, means);
      }
    }
    means = {warp_sum(means.g) / columns, warp_sum(means.product) / columns};
    const DropoutRow dropout =
        args.dropout.token_keys != nullptr ? dropout_row(args.dropout, row) : DropoutRow{};
#pragma unroll
    for (int p = 0; p < kPacks; ++p) {
      const LanePack<kWidth> at(p, args.columns);
      if (at.count > 0) {
        gradient_of(args, dropout, row, at.first, at.count, z[p], dy[p], mean, rstd, means,
                    sums[p]);
      }
    }
  }
  if (partial == nullptr) return;
  // The warps' sums, one kind after the other through the same memory.
  float* shared = shared_memory<float>();  // [kRowWarps][columns]
#pragma unroll
  for (int s = 0; s < 3; ++s) {
#pragma unroll
    for (int p = 0; p < kPacks; ++p) {
      const LanePack<kWidth> at(p, args.columns);
#pragma unroll
      for (int i = 0; i < kWidth; ++i) {
        if (i < at.count) shared[warp * args.columns + at.first + i] = sums[p][s][i];
      }
    }
    __syncthreads();
    float* out = partial + (s * static_cast<int64_t>(gridDim.x) + blockIdx.x) * args.columns;
    for (int64_t column = threadIdx.x; column < args.columns; column += blockDim.x) {
      float sum = shared[column];
#pragma unroll
      for (int other = 1; other < kRowWarps; ++other) sum += shared[other * args.columns + column];
      out[column] = sum;
    }
    __syncthreads();
  }
}

/// The two means of each row, for rows too long for registers: means [rows, 2].
template <typename T, int kWidth>
__global__ void __launch_bounds__(kRowThreads)
    row_means_kernel(isa::LayerNormArgs args, int64_t rows, RowMeans* means) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kRowWarps + threadIdx.x / kWarp;
  if (row >= rows) return;
  RowMeans sums = {};
  for (int64_t p = 0; p < ceil_div(args.columns, kWidth * kWarp); ++p) {
    const LanePack<kWidth> at(p, args.columns);
    if (at.count == 0) continue;
    const auto z = load_pack<kWidth>(row_of<T>(args.x, row) + at.first, at.count);
    const auto dy = load_pack<kWidth>(row_of<T>(args.dy, row) + at.first, at.count);
    add_to_means(args, z, dy, args.mean[row], args.rstd[row], at.first, at.count, sums);
  }
  const auto columns = static_cast<float>(args.columns);
  sums = {warp_sum(sums.g) / columns, warp_sum(sums.product) / columns};
  if (threadIdx.x % kWarp == 0) means[row] = sums;
}

/// The gradients of such rows once their means are known.
template <typename T, int kColumns>
struct LongRowGradient {
  static constexpr int kWidth = kColumns, kSums = 3;
  struct Columns {};
  struct Loaded {
    Pack<T, kWidth> z, dy;
    RowMeans means;
    float mean, rstd;
  };
  isa::LayerNormArgs args;
  const RowMeans* means;

  __device__ Columns columns(int64_t, int) const { return {}; }
  __device__ Loaded load(int64_t row, int64_t first, int count) const {
    return {load_pack<kWidth>(row_of<T>(args.x, row) + first, count),
            load_pack<kWidth>(row_of<T>(args.dy, row) + first, count), means[row], args.mean[row],
            args.rstd[row]};
  }
  __device__ void finish(int64_t row, int64_t first, int count, const Columns&,
                         const Loaded& loaded, float (&sums)[3][kWidth]) const {
    const DropoutRow dropout =
        args.dropout.token_keys != nullptr ? dropout_row(args.dropout, row) : DropoutRow{};
    gradient_of(args, dropout, row, first, count, loaded.z, loaded.dy, loaded.mean, loaded.rstd,
                loaded.means, sums);
  }
};

struct ChunkShape {
  int64_t rows_per_chunk, chunks;
};

/// About two blocks for each processor of a large card, each of whole turns of its warps; chunks
/// are what the second stage adds up.
ChunkShape chunk_shape(int64_t rows) {
  constexpr int64_t kMostChunks = 264;
  const int64_t turns = ceil_div(rows, kRowWarps);
  const int64_t rows_per_chunk = kRowWarps * ceil_div(turns > 0 ? turns : 1, kMostChunks);
  return {rows_per_chunk, ceil_div(rows, rows_per_chunk)};
}

}  // namespace

int64_t layer_norm_workspace(int64_t rows, int64_t columns) {
  const int64_t cached = 3 * chunk_shape(rows).chunks * columns;
  const int64_t longer = (2 * rows + 3) / 4 * 4 + column_sum_workspace(rows, columns, 3);
  return cached > longer ? cached : longer;
}

void layer_norm_backward(Type type, const isa::LayerNormArgs& args, int64_t rows,
                         const LayerNormGradients& gradients, float* workspace, Stream stream) {
  const SumTargets targets = {{gradients.gamma, gradients.beta, gradients.bias}};
  const bool wanted =
      gradients.gamma != nullptr || gradients.beta != nullptr || gradients.bias != nullptr;
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    Alignment alignment;
    for (const isa::Matrix& x : {args.x, args.dy, args.dz, args.dx}) alignment.matrix<T>(x);
    alignment.floats(args.gamma);
    with_width<T>(alignment, [&](auto width) {
      constexpr int kWidth = decltype(width)::kValue;
      with_elements<kWidth>(args.columns, [&](auto elements) {
        constexpr int kElements = decltype(elements)::kValue;
        if constexpr (kElements > 0) {
          const ChunkShape shape = chunk_shape(rows);
          launch(layer_norm_backward_kernel<T, kWidth, kElements>,
                 dim3(static_cast<unsigned>(shape.chunks)), dim3(kRowThreads),
                 sizeof(float) * kRowWarps * static_cast<size_t>(args.columns), stream, args, rows,
                 shape.rows_per_chunk, wanted ? workspace : nullptr);
          if (wanted) {
            add_partials(workspace, shape.chunks, args.columns, args.columns, targets, 3, stream);
          }
        } else {
          auto* means = reinterpret_cast<RowMeans*>(workspace);
          launch(row_means_kernel<T, kWidth>, dim3(row_blocks(rows)), dim3(kRowThreads), 0, stream,
                 args, rows, means);
          // Aligned to 16 bytes, as the sums' stores want it.
          walk(LongRowGradient<T, kWidth>{args, means}, rows, args.columns, targets,
               workspace + (2 * rows + 3) / 4 * 4, stream);
        }
      });
    });
  });
}

}  // namespace pals::cuda

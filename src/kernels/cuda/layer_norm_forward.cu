// dropout + bias + residual + extra + LayerNorm forward.
#include "kernels/cuda/layer_norm.cuh"

namespace pals::cuda {
namespace {

/// One pack of x, with all that is added to it.
template <typename T, int kWidth>
struct Summands {
  Pack<T, kWidth> x, residual, extra;
};

template <typename T, int kWidth>
__device__ Summands<T, kWidth> load_summands(const isa::LayerNormArgs& args, int64_t row,
                                             int64_t first, int count) {
  Summands<T, kWidth> loaded = {};
  loaded.x = load_pack<kWidth>(row_of<T>(args.x, row) + first, count);
  if (args.residual.data != nullptr) {
    loaded.residual = load_pack<kWidth>(row_of<T>(args.residual, row) + first, count);
  }
  if (args.extra.data != nullptr) {
    loaded.extra = load_pack<kWidth>(row_of<T>(args.extra, row) + first, count);
  }
  return loaded;
}

/// z of one pack, rounded as it is kept: statistics are those of what backward will read.
template <typename T, int kWidth>
__device__ Pack<T, kWidth> sum_up(const isa::LayerNormArgs& args, const DropoutRow& dropout,
                                  const Summands<T, kWidth>& loaded, int64_t first, int count) {
  float z[kWidth], bias[kWidth];
  widen(loaded.x, z);
  if (args.bias != nullptr) {
    load_floats(args.bias + first, count, bias);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) z[i] += bias[i];
  }
  if (args.dropout.token_keys != nullptr) drop(args.dropout, dropout, first, z);
  if (args.residual.data != nullptr) {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) z[i] += to_float(loaded.residual.values[i]);
  }
  if (args.extra.data != nullptr) {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) z[i] += to_float(loaded.extra.values[i]);
  }
  return narrow_all<kWidth, T>(z);
}

template <typename T, int kWidth>
__device__ float sum_of(const Pack<T, kWidth>& z) {
  float sum = 0.0F;
#pragma unroll
  for (int i = 0; i < kWidth; ++i) sum += to_float(z.values[i]);
  return sum;
}

/// Of the first `count` numbers.
template <typename T, int kWidth>
__device__ float squares_of(const Pack<T, kWidth>& z, float mean, int count) {
  float sum = 0.0F;
#pragma unroll
  for (int i = 0; i < kWidth; ++i) {
    const float centred = to_float(z.values[i]) - mean;
    sum += i < count ? centred * centred : 0.0F;
  }
  return sum;
}

template <typename T, int kWidth>
__device__ void store_normed(const isa::LayerNormArgs& args, int64_t row, int64_t first, int count,
                             const Pack<T, kWidth>& z, float mean, float rstd) {
  float gamma[kWidth], beta[kWidth], y[kWidth];
  load_floats(args.gamma + first, count, gamma);
  load_floats(args.beta + first, count, beta);
#pragma unroll
  for (int i = 0; i < kWidth; ++i) {
    y[i] = (to_float(z.values[i]) - mean) * rstd * gamma[i] + beta[i];
  }
  store_floats(row_of<T>(args.y, row) + first, y, count);
}

template <typename T, int kWidth, int kElements>
__global__ void __launch_bounds__(kRowThreads)
    layer_norm_forward_kernel(isa::LayerNormArgs args, int64_t rows) {
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kRowWarps + threadIdx.x / kWarp;
  if (row >= rows) return;
  const auto columns = static_cast<float>(args.columns);
  const DropoutRow dropout =
      args.dropout.token_keys != nullptr ? dropout_row(args.dropout, row) : DropoutRow{};
  const bool writes_statistics = threadIdx.x % kWarp == 0;
  float sum = 0.0F, squares = 0.0F;
  if constexpr (kElements > 0) {
    constexpr int kPacks = kElements / kWidth;
    Summands<T, kWidth> loaded[kPacks];
#pragma unroll
    for (int p = 0; p < kPacks; ++p) {
      const LanePack<kWidth> at(p, args.columns);
      if (at.count > 0) loaded[p] = load_summands<T, kWidth>(args, row, at.first, at.count);
    }
    Pack<T, kWidth> z[kPacks];
#pragma unroll
    for (int p = 0; p < kPacks; ++p) {
      const LanePack<kWidth> at(p, args.columns);
      if (at.count == 0) continue;
      z[p] = sum_up(args, dropout, loaded[p], at.first, at.count);
      store_pack(row_of<T>(args.x, row) + at.first, z[p], at.count);
      sum += sum_of(z[p]);
    }
    const float mean = warp_sum(sum) / columns;
#pragma unroll
    for (int p = 0; p < kPacks; ++p) {
      const LanePack<kWidth> at(p, args.columns);
      if (at.count > 0) squares += squares_of(z[p], mean, at.count);
    }
    const float rstd = 1.0F / sqrtf(warp_sum(squares) / columns + args.epsilon);
    if (writes_statistics) {
      args.mean[row] = mean;
      args.rstd[row] = rstd;
    }
#pragma unroll
    for (int p = 0; p < kPacks; ++p) {
      const LanePack<kWidth> at(p, args.columns);
      if (at.count > 0) store_normed(args, row, at.first, at.count, z[p], mean, rstd);
    }
  } else {
    const int64_t packs = ceil_div(args.columns, kWidth * kWarp);
    T* kept = row_of<T>(args.x, row);  // each lane reads only what it wrote
    for (int64_t p = 0; p < packs; ++p) {
      const LanePack<kWidth> at(p, args.columns);
      if (at.count == 0) continue;
      const auto loaded = load_summands<T, kWidth>(args, row, at.first, at.count);
      const Pack<T, kWidth> z = sum_up(args, dropout, loaded, at.first, at.count);
      store_pack(kept + at.first, z, at.count);
      sum += sum_of(z);
    }
    const float mean = warp_sum(sum) / columns;
    for (int64_t p = 0; p < packs; ++p) {
      const LanePack<kWidth> at(p, args.columns);
      if (at.count > 0) {
        squares += squares_of(load_pack<kWidth>(kept + at.first, at.count), mean, at.count);
      }
    }
    const float rstd = 1.0F / sqrtf(warp_sum(squares) / columns + args.epsilon);
    if (writes_statistics) {
      args.mean[row] = mean;
      args.rstd[row] = rstd;
    }
    for (int64_t p = 0; p < packs; ++p) {
      const LanePack<kWidth> at(p, args.columns);
      if (at.count == 0) continue;
      store_normed(args, row, at.first, at.count, load_pack<kWidth>(kept + at.first, at.count),
                   mean, rstd);
    }
  }
}

}  // namespace

void layer_norm_forward(Type type, const isa::LayerNormArgs& args, int64_t rows, Stream stream) {
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    Alignment alignment;
    for (const isa::Matrix& x : {args.x, args.residual, args.extra, args.y}) {
      alignment.matrix<T>(x);
    }
    alignment.floats(args.bias).floats(args.gamma).floats(args.beta);
    with_width<T>(alignment, [&](auto width) {
      constexpr int kWidth = decltype(width)::kValue;
      with_elements<kWidth>(args.columns, [&](auto elements) {
        launch(layer_norm_forward_kernel<T, kWidth, decltype(elements)::kValue>,
               dim3(row_blocks(rows)), dim3(kRowThreads), 0, stream, args, rows);
      });
    });
  });
}

}  // namespace pals::cuda

// bias + activation, bias + dropout, column sums, accumulation: all that goes element by element.
#include "kernels/cuda/activation.cuh"
#include "kernels/cuda/dropout.cuh"
#include "kernels/cuda/walk.cuh"

namespace pals::cuda {
namespace {

struct Nothing {};

template <int kWidth>
struct BiasColumns {
  float bias[kWidth];
};

/// The bias of a thread's columns; zeros where there is none.
template <int kWidth>
__device__ BiasColumns<kWidth> bias_columns(const float* bias, int64_t first, int count) {
  BiasColumns<kWidth> columns = {};
  if (bias != nullptr) load_floats(bias + first, count, columns.bias);
  return columns;
}

template <typename T, int kColumns>
struct BiasActivationForward {
  static constexpr int kWidth = kColumns, kSums = 0;
  using Columns = BiasColumns<kWidth>;
  using Loaded = Pack<T, kWidth>;
  isa::BiasActivationArgs args;

  __device__ Columns columns(int64_t first, int count) const {
    return bias_columns<kWidth>(args.bias, first, count);
  }
  __device__ Loaded load(int64_t row, int64_t first, int count) const {
    return load_pack<kWidth>(row_of<T>(args.x, row) + first, count);
  }
  __device__ void finish(int64_t row, int64_t first, int count, const Columns& columns,
                         const Loaded& loaded, float (&)[1][kWidth]) const {
    float values[kWidth];
    widen(loaded, values);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) values[i] += columns.bias[i];
    store_floats(row_of<T>(args.x, row) + first, values, count);
    activate(args.kind, values);
    store_floats(row_of<T>(args.y, row) + first, values, count);
  }
};

template <typename T, int kColumns>
struct BiasActivationBackward {
  static constexpr int kWidth = kColumns, kSums = 1;
  using Columns = Nothing;
  struct Loaded {
    Pack<T, kWidth> u, dy;
  };
  isa::BiasActivationArgs args;

  __device__ Columns columns(int64_t, int) const { return {}; }
  __device__ Loaded load(int64_t row, int64_t first, int count) const {
    return {load_pack<kWidth>(row_of<T>(args.x, row) + first, count),
            load_pack<kWidth>(row_of<T>(args.dy, row) + first, count)};
  }
  __device__ void finish(int64_t row, int64_t first, int count, const Columns&,
                         const Loaded& loaded, float (&sums)[1][kWidth]) const {
    float slopes[kWidth], d[kWidth];
    widen(loaded.u, slopes);
    activation_slopes(args.kind, slopes);
    widen(loaded.dy, d);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      d[i] *= slopes[i];
      sums[0][i] += d[i];
    }
    store_floats(row_of<T>(args.y, row) + first, d, count);
  }
};

/// y = dropout(x + bias); backward without a bias, with sums of y.
template <typename T, int kColumns, bool kBackward>
struct BiasDropout {
  static constexpr int kWidth = kColumns, kSums = kBackward ? 1 : 0;
  using Columns = BiasColumns<kWidth>;
  using Loaded = Pack<T, kWidth>;
  isa::BiasDropoutArgs args;

  __device__ Columns columns(int64_t first, int count) const {
    return bias_columns<kWidth>(args.bias, first, count);
  }
  __device__ Loaded load(int64_t row, int64_t first, int count) const {
    return load_pack<kWidth>(row_of<T>(args.x, row) + first, count);
  }
  __device__ void finish(int64_t row, int64_t first, int count, const Columns& columns,
                         const Loaded& loaded, float (&sums)[1][kWidth]) const {
    float values[kWidth];
    widen(loaded, values);
#pragma unroll
    for (int i = 0; i < kWidth; ++i) values[i] += columns.bias[i];
    if (args.dropout.token_keys != nullptr) {
      drop(args.dropout, dropout_row(args.dropout, row), first, values);
    }
    if constexpr (kBackward) {
#pragma unroll
      for (int i = 0; i < kWidth; ++i) sums[0][i] += values[i];
    }
    store_floats(row_of<T>(args.y, row) + first, values, count);
  }
};

template <typename T, int kColumns>
struct ColumnSums {
  static constexpr int kWidth = kColumns, kSums = 1;
  using Columns = Nothing;
  using Loaded = Pack<T, kWidth>;
  isa::Matrix x;

  __device__ Columns columns(int64_t, int) const { return {}; }
  __device__ Loaded load(int64_t row, int64_t first, int count) const {
    return load_pack<kWidth>(row_of<T>(x, row) + first, count);
  }
  __device__ void finish(int64_t, int64_t, int, const Columns&, const Loaded& loaded,
                         float (&sums)[1][kWidth]) const {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) sums[0][i] += to_float(loaded.values[i]);
  }
};

}  // namespace

// How wide the threads are depends on addresses: as much as any width needs.
int64_t column_sum_workspace(int64_t rows, int64_t columns, int sums) {
  int64_t most = 0;
  for (const int width : {8, 4, 1}) {
    const WalkShape shape = walk_shape(rows, columns, width, true);
    most = shape.chunks * shape.stride > most ? shape.chunks * shape.stride : most;
  }
  return most * sums;
}

void bias_activation_forward(Type type, const isa::BiasActivationArgs& args, int64_t rows,
                             Stream stream) {
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const Alignment alignment =
        Alignment().matrix<T>(args.x).template matrix<T>(args.y).floats(args.bias);
    with_width<T>(alignment, [&](auto width) {
      walk(BiasActivationForward<T, decltype(width)::kValue>{args}, rows, args.columns, {}, nullptr,
           stream);
    });
  });
}

void bias_activation_backward(Type type, const isa::BiasActivationArgs& args, int64_t rows,
                              float* bias_grad, float* workspace, Stream stream) {
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const Alignment alignment =
        Alignment().matrix<T>(args.x).template matrix<T>(args.y).template matrix<T>(args.dy);
    with_width<T>(alignment, [&](auto width) {
      walk(BiasActivationBackward<T, decltype(width)::kValue>{args}, rows, args.columns,
           {{bias_grad}}, workspace, stream);
    });
  });
}

void bias_dropout_forward(Type type, const isa::BiasDropoutArgs& args, int64_t rows,
                          Stream stream) {
  isa::BiasDropoutArgs in_place = args;
  in_place.y = args.x;
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    with_width<T>(Alignment().matrix<T>(args.x).floats(args.bias), [&](auto width) {
      walk(BiasDropout<T, decltype(width)::kValue, false>{in_place}, rows, args.columns, {},
           nullptr, stream);
    });
  });
}

void bias_dropout_backward(Type type, const isa::BiasDropoutArgs& args, int64_t rows,
                           float* bias_grad, float* workspace, Stream stream) {
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    with_width<T>(Alignment().matrix<T>(args.x).template matrix<T>(args.y), [&](auto width) {
      walk(BiasDropout<T, decltype(width)::kValue, true>{args}, rows, args.columns, {{bias_grad}},
           workspace, stream);
    });
  });
}

void add_column_sums(Type type, const isa::Matrix& x, int64_t rows, int64_t columns, float* sum,
                     float* workspace, Stream stream) {
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    with_width<T>(Alignment().matrix<T>(x), [&](auto width) {
      walk(ColumnSums<T, decltype(width)::kValue>{x}, rows, columns, {{sum}}, workspace, stream);
    });
  });
}

}  // namespace pals::cuda

// One kernel for all that goes over a matrix element by element, with sums of columns where they
// are wanted.
//
// A thread owns kWidth neighbouring columns and goes down a chunk of rows, a few rows at a time,
// whose loads are all on their way before the first is used. What a column has to itself (a bias)
// is read once, and sums of columns stay in registers until the chunk ends. They are written out
// chunk by chunk and added up by a second kernel, always in the same order.
#pragma once

#include "kernels/cuda/numbers.cuh"

namespace pals::cuda {

constexpr int kWalkThreads = 128;
constexpr int kRowsInFlight = 4;

/// How rows are shared out; a function of sizes alone, so that sums repeat bit for bit.
struct WalkShape {
  int64_t column_blocks, rows_per_chunk, chunks, stride;  ///< stride: of a chunk's sums
};

inline WalkShape walk_shape(int64_t rows, int64_t columns, int width, bool sums) {
  // Enough blocks for every processor, and no more chunks than the second kernel can add up
  // quickly.
  constexpr int64_t kSumBlocks = 512, kMostChunks = 32768;
  WalkShape shape;
  const int64_t packs = ceil_div(columns, width);
  shape.column_blocks = ceil_div(packs, kWalkThreads);
  const int64_t most =
      sums ? (shape.column_blocks < kSumBlocks ? kSumBlocks / shape.column_blocks : 1)
           : kMostChunks;
  const int64_t wanted = rows > 0 ? ceil_div(rows, kRowsInFlight) : 1;
  shape.rows_per_chunk = kRowsInFlight * ceil_div(wanted, wanted < most ? wanted : most);
  shape.chunks = ceil_div(rows, shape.rows_per_chunk);
  shape.stride = packs * width;
  return shape;
}

/// `Op` says what is done: kWidth; kSums, how many columns' sums it makes; `Columns columns(first,
/// count)`, what its columns have to themselves; `Loaded load(row, first, count)`; and `finish(row,
/// first, count, columns, loaded, sums)`.
template <typename Op>
__global__ void __launch_bounds__(kWalkThreads)
    walk_kernel(Op op, int64_t rows, int64_t num_columns, int64_t rows_per_chunk, int64_t stride,
                float* partial) {
  constexpr int kWidth = Op::kWidth;
  constexpr int kSums = Op::kSums > 0 ? Op::kSums : 1;
  const int64_t first = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * kWidth;
  if (first >= num_columns) return;
  const int count = static_cast<int>(num_columns - first < kWidth ? num_columns - first : kWidth);
  const typename Op::Columns columns = op.columns(first, count);
  float sums[kSums][kWidth] = {};
  const int64_t begin = blockIdx.y * rows_per_chunk;
  const int64_t end = begin + rows_per_chunk < rows ? begin + rows_per_chunk : rows;
  for (int64_t row = begin; row < end; row += kRowsInFlight) {
    typename Op::Loaded loaded[kRowsInFlight];
#pragma unroll
    for (int i = 0; i < kRowsInFlight; ++i) {
      if (row + i < end) loaded[i] = op.load(row + i, first, count);
    }
#pragma unroll
    for (int i = 0; i < kRowsInFlight; ++i) {
      if (row + i < end) op.finish(row + i, first, count, columns, loaded[i], sums);
    }
  }
  if constexpr (Op::kSums > 0) {
    if (partial != nullptr) {
#pragma unroll
      for (int s = 0; s < kSums; ++s) {
        store_floats(partial + (s * static_cast<int64_t>(gridDim.y) + blockIdx.y) * stride + first,
                     sums[s], kWidth);
      }
    }
  }
}

/// Where sums of columns go; null: not wanted.
struct SumTargets {
  float* target[3];
};

constexpr int kPartialGroups = 16;

/// targets[blockIdx.y][column] += the sum over chunks of partial[blockIdx.y][chunk][column].
template <int kGroups>
__global__ void __launch_bounds__(kWarp* kGroups)
    add_partials_kernel(const float* partial, int64_t chunks, int64_t stride, int64_t columns,
                        SumTargets targets) {
  float* target = blockIdx.y == 0   ? targets.target[0]
                  : blockIdx.y == 1 ? targets.target[1]
                                    : targets.target[2];
  if (target == nullptr) return;
  float* shared = shared_memory<float>();
  const int64_t column = static_cast<int64_t>(blockIdx.x) * kWarp + threadIdx.x;
  const float* from = partial + blockIdx.y * chunks * stride + column;
  float sum = 0.0F;
  if (column < columns) {
#pragma unroll 4
    for (int64_t chunk = threadIdx.y; chunk < chunks; chunk += kGroups) {
      sum += from[chunk * stride];
    }
  }
  shared[threadIdx.y * kWarp + threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y == 0 && column < columns) {
#pragma unroll
    for (int group = 1; group < kGroups; ++group) {
      sum += shared[group * kWarp + threadIdx.x];
    }
    target[column] += sum;
  }
}

inline void add_partials(const float* partial, int64_t chunks, int64_t stride, int64_t columns,
                         const SumTargets& targets, int sums, Stream stream) {
  if (chunks == 0) return;
  launch(add_partials_kernel<kPartialGroups>,
         dim3(static_cast<unsigned>(ceil_div(columns, kWarp)), static_cast<unsigned>(sums)),
         dim3(kWarp, kPartialGroups), sizeof(float) * kWarp * kPartialGroups, stream, partial,
         chunks, stride, columns, targets);
}

/// Runs an operation; sums are added to the targets that are not null.
template <typename Op>
void walk(const Op& op, int64_t rows, int64_t columns, const SumTargets& targets, float* workspace,
          Stream stream) {
  bool wanted = false;
  for (int s = 0; s < Op::kSums; ++s) wanted = wanted || targets.target[s] != nullptr;
  const WalkShape shape = walk_shape(rows, columns, Op::kWidth, Op::kSums > 0);
  launch(walk_kernel<Op>,
         dim3(static_cast<unsigned>(shape.column_blocks), static_cast<unsigned>(shape.chunks)),
         dim3(kWalkThreads), 0, stream, op, rows, columns, shape.rows_per_chunk, shape.stride,
         wanted ? workspace : nullptr);
  if (wanted) {
    add_partials(workspace, shape.chunks, shape.stride, columns, targets, Op::kSums, stream);
  }
}

/// What decides how many columns a thread can move at once.
class Alignment {
 public:
  template <typename T>
  Alignment& matrix(const isa::Matrix& x) {
    if (x.data != nullptr) {
      add(reinterpret_cast<uintptr_t>(x.data), sizeof(T));
      add(static_cast<uintptr_t>(x.stride) * sizeof(T), sizeof(T));
    }
    return *this;
  }
  /// A vector of parameters, or a table with rows of `stride`.
  Alignment& floats(const float* x, int64_t stride = 0) {
    if (x != nullptr) {
      add(reinterpret_cast<uintptr_t>(x), sizeof(float));
      add(static_cast<uintptr_t>(stride) * sizeof(float), sizeof(float));
    }
    return *this;
  }
  /// The most columns, of 16 bytes in activations of `element` bytes; 8 or 4 or 1.
  int width(size_t element) const {
    for (const int columns : {8, 4}) {
      if (columns * element <= 16 && columns <= columns_) return columns;
    }
    return 1;
  }

 private:
  // Whole packs of 8, 4 columns must lie on multiples of their size, or of 16 bytes.
  void add(uintptr_t bytes, size_t element) {
    for (const int columns : {8, 4}) {
      const size_t size = columns * element < 16 ? columns * element : 16;
      if (bytes % size != 0 && columns_ >= columns) columns_ = columns == 8 ? 4 : 1;
    }
  }
  int columns_ = 8;
};

/// Calls visit(Constant<width>{}): 8 for types of two bytes, 4, or 1.
template <typename T, typename Visit>
void with_width(const Alignment& alignment, const Visit& visit) {
  const int width = alignment.width(sizeof(T));
  if constexpr (sizeof(T) == 2) {
    if (width == 8) return visit(Constant<8>{});
  }
  return width >= 4 ? visit(Constant<4>{}) : visit(Constant<1>{});
}

}  // namespace pals::cuda

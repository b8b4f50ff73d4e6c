// Dense layers of several tasks in one launch, on tensor cores: a block has 64 rows of one group
// and 64 columns of its output. Both operands pass through shared memory 64 columns of x at a time,
// the next ones on their way while these are multiplied.
#include "kernels/cuda/activation.cuh"
#include "kernels/cuda/tile.cuh"

namespace pals::cuda {
namespace {

constexpr int kTileElements = kTile * kTileStride<kTile>;
constexpr int kStages = 2;

/// Bytes that loads and stores can move at once.
struct Units {
  int x = 16, weight = 16, y = 16;
};

__device__ inline int tile_part(int64_t size) {
  return size < kTile ? static_cast<int>(size) : kTile;
}

template <typename T>
__global__ void __launch_bounds__(kTileThreads)
    grouped_dense_kernel(GroupedDenseArgs args, Units units) {
  const auto tile = static_cast<int64_t>(blockIdx.x);
  int number = args.num_groups - 1;
  while (args.groups[number].first_tile > tile) --number;
  const DenseGroupArgs group = args.groups[number];
  const int64_t begin = (tile - group.first_tile) * kTile, first_row = group.first_row + begin;
  const int64_t column = static_cast<int64_t>(blockIdx.y) * kTile;
  const int rows = tile_part(group.rows - begin), columns = tile_part(args.out - column);
  const isa::Matrix weight = {const_cast<void*>(group.weight), args.weight_stride};
  const int warp_row = static_cast<int>(threadIdx.x) / kWarp * 16;
  const bool works = warp_row < rows;
  T* tiles = shared_memory<T>();
  const auto load = [&](int64_t from, int stage) {
    T* x_tile = tiles + stage * 2 * kTileElements;
    const int size = tile_part(args.in - from);
    load_tile<kTile>(x_tile, args.x, first_row, rows, from, size, units.x);
    load_tile<kTile>(x_tile + kTileElements, weight, column, columns, from, size, units.weight);
  };

  float sums[kTile / 8][4] = {};
  load(0, 0);
  int stage = 0;
  for (int64_t from = 0; from < args.in; from += kTile) {
    wait_for_copies();
    __syncthreads();  // this stage is there, and nobody reads the other one any more
    if (from + kTile < args.in) load(from + kTile, 1 - stage);
    if (works) {
      const T* x_tile = tiles + stage * 2 * kTileElements;
      uint32_t left[kTile / 16][4];
      load_left<kTile>(left, x_tile, warp_row);
      add_products<kTile>(sums, left, x_tile + kTileElements, columns);
    }
    stage = 1 - stage;
  }
  if (!works) return;
  const LanePlace lane;
#pragma unroll
  for (int n = 0; n < kTile / 8; ++n) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int at = n * 8 + lane.column + i % 2;
      if (group.bias != nullptr && at < columns) sums[n][i] += group.bias[column + at];
    }
    if (args.activates) activate(args.kind, sums[n]);
  }
  const float ones[2] = {1.0F, 1.0F};
  store_rows<kTile, T>(sums, ones, args.y, first_row + warp_row, rows - warp_row, column, columns,
                       units.y);
}

}  // namespace

void grouped_dense_forward(Type type, GroupedDenseArgs args, Stream stream) {
  Units units = {unit_of(args.x.data, args.x.stride, args.in), 16,
                 unit_of(args.y.data, args.y.stride, args.out)};
  int64_t tiles = 0;
  for (int i = 0; i < args.num_groups; ++i) {
    DenseGroupArgs& group = args.groups[i];
    group.first_tile = tiles;
    tiles += ceil_div(group.rows, kTile);
    const int fits = unit_of(group.weight, args.weight_stride, args.in);
    units.weight = fits < units.weight ? fits : units.weight;
  }
  const dim3 grid(static_cast<unsigned>(tiles), static_cast<unsigned>(ceil_div(args.out, kTile)));
  const auto launch_for = [&](auto zero) {
    using T = decltype(zero);
    launch(grouped_dense_kernel<T>, grid, dim3(kTileThreads),
           sizeof(T) * kStages * 2 * kTileElements, stream, args, units);
  };
  if (type == Type::kBFloat16) {
    launch_for(Bf16{});
  } else {
    launch_for(Fp16{});
  }
}

}  // namespace pals::cuda

// Embeddings, forward and backward.
//
// Backward needs no atomics: of all tokens with the same id the first one's block adds up the rows
// of all, in their order, so a table's row has one writer. The blocks of later tokens find that
// they are not first and end. Tables of very few rows (token types), whose rows would each be a
// long sum for one block, are column sums over the tokens of one id.
#include "kernels/cuda/walk.cuh"

namespace pals::cuda {
namespace {

constexpr int64_t kFewRows = 4;

__device__ inline bool in_table(int32_t id, int64_t rows) { return id >= 0 && id < rows; }

template <typename T, int kColumns>
struct EmbeddingForward {
  static constexpr int kWidth = kColumns, kSums = 0;
  struct Columns {};
  struct Loaded {
    Pack<float, kWidth> word, position, token_type;
    bool valid;
  };
  isa::EmbeddingArgs args;
  EmbeddingRows rows;

  __device__ Columns columns(int64_t, int) const { return {}; }
  __device__ Loaded load(int64_t row, int64_t first, int count) const {
    const int32_t word = args.token_ids[row], position = args.position_ids[row],
                  type = args.token_type_ids[row];
    Loaded loaded = {};
    loaded.valid = in_table(word, rows.word) && in_table(position, rows.position) &&
                   in_table(type, rows.token_type);
    if (loaded.valid) {
      loaded.word = load_pack<kWidth>(args.word + word * args.columns + first, count);
      loaded.position = load_pack<kWidth>(args.position + position * args.columns + first, count);
      loaded.token_type = load_pack<kWidth>(args.token_type + type * args.columns + first, count);
    }
    return loaded;
  }
  __device__ void finish(int64_t row, int64_t first, int count, const Columns&,
                         const Loaded& loaded, float (&)[1][kWidth]) const {
    float sum[kWidth];
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      sum[i] = loaded.valid
                   ? loaded.word.values[i] + loaded.position.values[i] + loaded.token_type.values[i]
                   : __uint_as_float(0x7FFFFFFFU);
    }
    store_floats(row_of<T>(args.out, row) + first, sum, count);
  }
};

/// Column sums over the tokens whose id is `id`.
template <typename T, int kColumns>
struct RowsOfId {
  static constexpr int kWidth = kColumns, kSums = 1;
  struct Columns {};
  struct Loaded {
    Pack<T, kWidth> d;
    bool counts;
  };
  isa::Matrix d_out;
  const int32_t* ids;
  int32_t id;

  __device__ Columns columns(int64_t, int) const { return {}; }
  __device__ Loaded load(int64_t row, int64_t first, int count) const {
    return {load_pack<kWidth>(row_of<T>(d_out, row) + first, count), ids[row] == id};
  }
  __device__ void finish(int64_t, int64_t, int, const Columns&, const Loaded& loaded,
                         float (&sums)[1][kWidth]) const {
#pragma unroll
    for (int i = 0; i < kWidth; ++i) {
      sums[0][i] += loaded.counts ? to_float(loaded.d.values[i]) : 0.0F;
    }
  }
};

/// A gradient table and the tokens' rows in it; null: not wanted.
struct GradientTable {
  float* gradient = nullptr;
  const int32_t* ids = nullptr;
  int64_t rows = 0;
};
struct GradientTables {
  GradientTable table[3];
};

constexpr int kScanThreads = 128;
constexpr int kScanWarps = kScanThreads / kWarp;

/// Which of kScanThreads tokens are chosen: their numbers, in order, in `chosen`. Returns how many.
/// `warp_counts` [kScanWarps] is scratch. All threads of a block call it; its barriers are all that
/// one call after the other needs.
__device__ int choose(bool is_chosen, int32_t token, int32_t* chosen, int32_t* warp_counts) {
  const unsigned lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const unsigned votes = __ballot_sync(kAllLanes, is_chosen ? 1 : 0);
  if (lane == 0) warp_counts[warp] = __popc(votes);
  __syncthreads();
  int before = 0, total = 0;
#pragma unroll
  for (unsigned other = 0; other < kScanWarps; ++other) {
    before += other < warp ? warp_counts[other] : 0;
    total += warp_counts[other];
  }
  if (is_chosen) chosen[before + __popc(votes & ((1U << lane) - 1))] = token;
  __syncthreads();
  return total;
}

/// One block a token and table: nothing if an earlier token has the same id, else the sum over all
/// that have it.
template <typename T, int kWidth>
__global__ void __launch_bounds__(kScanThreads)
    embedding_backward_kernel(isa::Matrix d_out, GradientTables tables, int64_t tokens,
                              int64_t columns) {
  const GradientTable& table = tables.table[blockIdx.y];
  if (table.gradient == nullptr) return;
  const int32_t token = static_cast<int32_t>(blockIdx.x);
  const int32_t id = table.ids[token];
  if (!in_table(id, table.rows)) return;
  int32_t* chosen = shared_memory<int32_t>();
  int32_t* warp_counts = chosen + kScanThreads;
  bool earlier = false;
  for (int32_t other = static_cast<int32_t>(threadIdx.x); other < token; other += kScanThreads) {
    earlier = earlier || table.ids[other] == id;
  }
  if (choose(earlier, 0, chosen, warp_counts) > 0) return;
  float* target = table.gradient + id * columns;
  for (int64_t begin = token; begin < tokens; begin += kScanThreads) {
    const int64_t mine = begin + threadIdx.x;
    const int count = choose(mine < tokens && table.ids[mine] == id, static_cast<int32_t>(mine),
                             chosen, warp_counts);
    if (count == 0) continue;
    for (int64_t first = static_cast<int64_t>(threadIdx.x) * kWidth; first < columns;
         first += kScanThreads * kWidth) {
      const int exist = static_cast<int>(columns - first < kWidth ? columns - first : kWidth);
      float sum[kWidth];
      load_floats(target + first, exist, sum);
#pragma unroll 4
      for (int j = 0; j < count; ++j) {
        const auto d = load_pack<kWidth>(row_of<T>(d_out, chosen[j]) + first, exist);
#pragma unroll
        for (int i = 0; i < kWidth; ++i) sum[i] += to_float(d.values[i]);
      }
      store_floats(target + first, sum, exist);
    }
  }
}

}  // namespace

void embedding_forward(Type type, const isa::EmbeddingArgs& args, const EmbeddingRows& rows,
                       int64_t tokens, Stream stream) {
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const Alignment alignment = Alignment()
                                    .matrix<T>(args.out)
                                    .floats(args.word, args.columns)
                                    .floats(args.position, args.columns)
                                    .floats(args.token_type, args.columns);
    with_width<T>(alignment, [&](auto width) {
      walk(EmbeddingForward<T, decltype(width)::kValue>{args, rows}, tokens, args.columns, {},
           nullptr, stream);
    });
  });
}

void embedding_backward(Type type, const isa::EmbeddingArgs& args, const EmbeddingRows& rows,
                        int64_t tokens, float* workspace, Stream stream) {
  const bool few_types = rows.token_type <= kFewRows;
  GradientTables tables;
  tables.table[0] = {args.word, args.token_ids, rows.word};
  tables.table[1] = {args.position, args.position_ids, rows.position};
  if (!few_types) tables.table[2] = {args.token_type, args.token_type_ids, rows.token_type};
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const Alignment alignment = Alignment()
                                    .matrix<T>(args.out)
                                    .floats(args.word, args.columns)
                                    .floats(args.position, args.columns)
                                    .floats(args.token_type, args.columns);
    with_width<T>(alignment, [&](auto width) {
      constexpr int kWidth = decltype(width)::kValue;
      launch(embedding_backward_kernel<T, kWidth>, dim3(static_cast<unsigned>(tokens), 3),
             dim3(kScanThreads), sizeof(int32_t) * (kScanThreads + kScanWarps), stream, args.out,
             tables, tokens, args.columns);
      for (int64_t id = 0; few_types && args.token_type != nullptr && id < rows.token_type; ++id) {
        walk(RowsOfId<T, kWidth>{args.out, args.token_type_ids, static_cast<int32_t>(id)}, tokens,
             args.columns, {{args.token_type + id * args.columns}}, workspace, stream);
      }
    });
  });
}

}  // namespace pals::cuda

// Self-attention of one row of text in one head, forward and backward, in fp32 scratch memory. See
// vector.h for how these files are compiled.
//
// T tokens, D head size; the queries are all tokens of the row, or the first of them. Scores are
// kept for kQueryBlock queries at a time. Matrices that stand on the right of a product are packed:
// K^T and V^T as [D, T], K, Q, V and d_context as [T, D], each padded with zeros to whole vectors.
#pragma once

#include "kernels/isa/gemm.h"
#include "kernels/isa/transpose.h"

namespace pals::isa::PALS_ISA_NAME {

constexpr int64_t kQueryBlock = 48;

PALS_INLINE int64_t padded(int64_t count) { return (count + kLanes - 1) / kLanes * kLanes; }

/// Hands out the scratch memory from its start.
struct Scratch {
  float* next;
};
PALS_INLINE float* take(Scratch& scratch, int64_t count) {
  float* result = scratch.next;
  scratch.next += (count + 15) / 16 * 16;
  return result;
}

static int64_t attention_scratch(int64_t max_length, int64_t head_size, bool backward) {
  const int64_t length = (max_length + 15) / 16 * 16;
  const int64_t size = (head_size + 15) / 16 * 16;
  const int64_t block = kQueryBlock * length;
  return backward ? 7 * length * size + kQueryBlock * size + 2 * block + length
                  : 3 * length * size + kQueryBlock * (size + 1) + block;
}

/// A [length, size] matrix in fp32 with whole vectors as rows.
struct Rows {
  const float* data;
  int64_t stride;
};

/// The matrix itself where it is fp32 and its rows are whole vectors, else a copy in `memory`
/// ([length, padded(size)], the rest 0).
template <typename T>
static Rows pack_rows(const T* x, int64_t stride, int64_t length, int64_t size, float* memory) {
  const int64_t width = padded(size);
  if constexpr (sizeof(T) == sizeof(float)) {
    if (width == size) {
      return {x, stride};
    }
  }
  for (int64_t i = 0; i < length; ++i) {
    for_columns(
        size, [&](int64_t j, auto span) __attribute__((always_inline)) {
          store(memory + i * width + j, load(x + i * stride + j, span), Full{});
        });
  }
  return {memory, width};
}

/// The reverse, out of [length, padded(size)]; row i is multiplied by factors[i] (null: by 1).
template <typename T>
static void unpack_rows(const float* x, int64_t length, int64_t size, const float* factors, T* out,
                        int64_t stride) {
  const int64_t width = padded(size);
  for (int64_t i = 0; i < length; ++i) {
    const float factor = factors != nullptr ? factors[i] : 1.0F;
    for_columns(
        size, [&](int64_t j, auto span) __attribute__((always_inline)) {
          store(out + i * stride + j, load(x + i * width + j, Full{}) * factor, span);
        });
  }
}

/// Asks for the next head's columns of a matrix: a row of text is a new piece of memory for each
/// token, which no hardware prefetcher follows.
template <typename T>
PALS_INLINE void prefetch_next_head(const T* x, int64_t stride, int64_t length, int64_t size) {
  const char* bytes = reinterpret_cast<const char*>(x + size);
  const int64_t row_bytes = stride * static_cast<int64_t>(sizeof(T));
  const int64_t head_bytes = size * static_cast<int64_t>(sizeof(T));
  for (int64_t i = 0; i < length; ++i) {
    for (int64_t j = 0; j < head_bytes; j += 64) {
      _mm_prefetch(bytes + i * row_bytes + j, _MM_HINT_T1);
    }
  }
}

struct SoftmaxRow {
  float logsumexp, inverse_sum;
};

/// Scores to exponentials times dropout factors, in place; the caller divides by the sum.
PALS_INLINE SoftmaxRow softmax_row(float* scores, int64_t length, const DropoutRow* drop,
                                   int64_t first_column) {
  VecF largest = broadcast(-__builtin_inff());
  for_columns(
      length, [&](int64_t j, auto span) __attribute__((always_inline)) {
        largest = max(largest, fill_rest(load(scores + j, Full{}), span, -__builtin_inff()));
      });
  const float top = max_lanes(largest);
  VecF sum = {};
  for_columns(
      length, [&](int64_t j, auto span) __attribute__((always_inline)) {
        const VecF e = fill_rest(exp(load(scores + j, Full{}) - top), span, 0.0F);
        sum += e;
        store(scores + j, drop != nullptr ? e * dropout_factors(*drop, first_column + j) : e,
              Full{});
      });
  const float total = sum_lanes(sum);
  return {top + __builtin_logf(total), 1.0F / total};
}

template <typename T>
static void attention_forward(const AttentionArgs& args, int64_t row, int64_t head,
                              float* scratch_memory) {
  const int64_t first = args.cu_seqlens[row] - args.cu_seqlens[0];
  const int64_t length = args.cu_seqlens[row + 1] - args.cu_seqlens[row];
  const int64_t first_query = args.cu_queries[row] - args.cu_queries[0];
  const int64_t num_queries = args.cu_queries[row + 1] - args.cu_queries[row];
  const int64_t size = args.head_size;
  const int64_t tokens = padded(length);
  const int64_t width = padded(size);
  const int64_t offset = head * size;
  Scratch scratch = {scratch_memory};
  float* keys = take(scratch, size * tokens);
  float* result = take(scratch, kQueryBlock * width);
  float* scores = take(scratch, kQueryBlock * tokens);
  float* inverse_sums = take(scratch, kQueryBlock);
  pack_transposed(row_of<T>(args.k, first) + offset, args.k.stride, length, size, args.scale, keys,
                  tokens);
  const Rows queries = pack_rows(row_of<T>(args.q, first_query) + offset, args.q.stride,
                                 num_queries, size, take(scratch, num_queries * width));
  const Rows values = pack_rows(row_of<T>(args.v, first) + offset, args.v.stride, length, size,
                                take(scratch, length * width));
  if (head + 1 < args.num_heads) {
    prefetch_next_head(row_of<T>(args.k, first) + offset, args.k.stride, length, size);
    prefetch_next_head(row_of<T>(args.q, first_query) + offset, args.q.stride, num_queries, size);
    prefetch_next_head(row_of<T>(args.v, first) + offset, args.v.stride, length, size);
    prefetch_next_head(row_of<T>(args.context, first_query) + offset, args.context.stride,
                       num_queries, size);
  }

  const bool drop = args.dropout.token_keys != nullptr;
  for (int64_t begin = 0; begin < num_queries; begin += kQueryBlock) {
    const int64_t count = num_queries - begin < kQueryBlock ? num_queries - begin : kQueryBlock;
    multiply<false>({scores, tokens, queries.data + begin * queries.stride, queries.stride, 1, keys,
                     tokens, size},
                    count, tokens);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t query = first_query + begin + i;
      const DropoutRow dropout = drop ? dropout_row(args.dropout, query) : DropoutRow{};
      const SoftmaxRow softmax =
          softmax_row(scores + i * tokens, length, drop ? &dropout : nullptr, head * 4096);
      args.logsumexp[query * args.num_heads + head] = softmax.logsumexp;
      inverse_sums[i] = softmax.inverse_sum;
    }
    multiply<false>({result, width, scores, tokens, 1, values.data, values.stride, length}, count,
                    width);
    unpack_rows(result, count, size, inverse_sums,
                row_of<T>(args.context, first_query + begin) + offset, args.context.stride);
  }
}

/// From scores s, d = d_context V^T and the logsumexp: probabilities with dropout over s, and the
/// gradient of the unscaled scores, scale * p (f d - sum of p f d), over d. `kept` holds one row.
PALS_INLINE void softmax_backward_row(float* s, float* d, float* kept, int64_t length,
                                      float logsumexp, float scale, const DropoutRow* drop,
                                      int64_t first_column) {
  VecF sum = {};
  for_columns(
      length, [&](int64_t j, auto span) __attribute__((always_inline)) {
        const VecF p = fill_rest(exp(load(s + j, Full{}) - logsumexp), span, 0.0F);
        const VecF dropped = drop != nullptr ? p * dropout_factors(*drop, first_column + j) : p;
        const VecF product = dropped * load(d + j, Full{});
        store(kept + j, p, Full{});
        store(s + j, dropped, Full{});
        store(d + j, product, Full{});
        sum += product;
      });
  // Summed from the very numbers it is subtracted from: each row of the gradient then sums to 0.
  const float total = sum_lanes(sum);
  for (int64_t j = 0; j < length; j += kLanes) {
    store(d + j, (load(d + j, Full{}) - load(kept + j, Full{}) * total) * scale, Full{});
  }
}

template <typename T>
static void attention_backward(const AttentionArgs& args, int64_t row, int64_t head,
                               float* scratch_memory) {
  const int64_t first = args.cu_seqlens[row] - args.cu_seqlens[0];
  const int64_t length = args.cu_seqlens[row + 1] - args.cu_seqlens[row];
  const int64_t first_query = args.cu_queries[row] - args.cu_queries[0];
  const int64_t num_queries = args.cu_queries[row + 1] - args.cu_queries[row];
  const int64_t size = args.head_size;
  const int64_t tokens = padded(length);
  const int64_t width = padded(size);
  const int64_t offset = head * size;
  Scratch scratch = {scratch_memory};
  float* keys_transposed = take(scratch, size * tokens);
  float* values_transposed = take(scratch, size * tokens);
  float* dq = take(scratch, kQueryBlock * width);
  float* dk = take(scratch, length * width);
  float* dv = take(scratch, length * width);
  float* scores = take(scratch, kQueryBlock * tokens);
  float* d_scores = take(scratch, kQueryBlock * tokens);
  float* kept = take(scratch, tokens);
  const T* k = row_of<T>(args.k, first) + offset;
  pack_transposed(k, args.k.stride, length, size, args.scale, keys_transposed, tokens);
  pack_transposed(row_of<T>(args.v, first) + offset, args.v.stride, length, size, 1.0F,
                  values_transposed, tokens);
  const Rows keys = pack_rows(k, args.k.stride, length, size, take(scratch, length * width));
  const Rows queries = pack_rows(row_of<T>(args.q, first_query) + offset, args.q.stride,
                                 num_queries, size, take(scratch, num_queries * width));
  const Rows d_context =
      pack_rows(row_of<T>(args.d_context, first_query) + offset, args.d_context.stride, num_queries,
                size, take(scratch, num_queries * width));

  if (head + 1 < args.num_heads) {
    prefetch_next_head(k, args.k.stride, length, size);
    prefetch_next_head(row_of<T>(args.q, first_query) + offset, args.q.stride, num_queries, size);
    prefetch_next_head(row_of<T>(args.v, first) + offset, args.v.stride, length, size);
    prefetch_next_head(row_of<T>(args.d_context, first_query) + offset, args.d_context.stride,
                       num_queries, size);
    prefetch_next_head(row_of<T>(args.dq, first_query) + offset, args.dq.stride, num_queries, size);
    prefetch_next_head(row_of<T>(args.dk, first) + offset, args.dk.stride, length, size);
    prefetch_next_head(row_of<T>(args.dv, first) + offset, args.dv.stride, length, size);
  }

  const bool drop = args.dropout.token_keys != nullptr;
  for (int64_t begin = 0; begin < num_queries; begin += kQueryBlock) {
    const int64_t count = num_queries - begin < kQueryBlock ? num_queries - begin : kQueryBlock;
    const float* q_block = queries.data + begin * queries.stride;
    const float* d_block = d_context.data + begin * d_context.stride;
    multiply<false>({scores, tokens, q_block, queries.stride, 1, keys_transposed, tokens, size},
                    count, tokens);
    multiply<false>(
        {d_scores, tokens, d_block, d_context.stride, 1, values_transposed, tokens, size}, count,
        tokens);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t query = first_query + begin + i;
      const DropoutRow dropout = drop ? dropout_row(args.dropout, query) : DropoutRow{};
      softmax_backward_row(scores + i * tokens, d_scores + i * tokens, kept, length,
                           args.logsumexp[query * args.num_heads + head], args.scale,
                           drop ? &dropout : nullptr, head * 4096);
    }
    multiply<false>({dq, width, d_scores, tokens, 1, keys.data, keys.stride, length}, count, width);
    unpack_rows(dq, count, size, nullptr, row_of<T>(args.dq, first_query + begin) + offset,
                args.dq.stride);
    const Product to_dk = {dk, width, d_scores, 1, tokens, q_block, queries.stride, count};
    const Product to_dv = {dv, width, scores, 1, tokens, d_block, d_context.stride, count};
    if (begin == 0) {
      multiply<false>(to_dk, length, width);
      multiply<false>(to_dv, length, width);
    } else {
      multiply<true>(to_dk, length, width);
      multiply<true>(to_dv, length, width);
    }
  }
  unpack_rows(dk, length, size, nullptr, row_of<T>(args.dk, first) + offset, args.dk.stride);
  unpack_rows(dv, length, size, nullptr, row_of<T>(args.dv, first) + offset, args.dv.stride);
}

}  // namespace pals::isa::PALS_ISA_NAME

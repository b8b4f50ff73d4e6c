// Self-attention of one row of text in one head, forward and backward, in fp32 scratch memory. See
// vector.h for how these files are compiled.
//
// T tokens, D head size. Scores are kept for kQueryBlock queries at a time. Matrices that stand on
// the right of a product are packed: K^T and V^T as [D, T], K, Q, V and d_context as [T, D], each
// padded with zeros to whole vectors.
#pragma once

#include "nn/isa/gemm.h"
#include "nn/isa/transpose.h"

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
  return backward ? 8 * length * size + 2 * block + length : 4 * length * size + block;
}

/// Copies [length, size] act to fp32 [length, padded(size)].
template <typename T>
static void pack_rows(const T* x, int64_t stride, int64_t length, int64_t size, float* out) {
  const int64_t width = padded(size);
  for (int64_t i = 0; i < length; ++i) {
    for_columns(
        size, [&](int64_t j, auto span) __attribute__((always_inline)) {
          store(out + i * width + j, load(x + i * stride + j, span), Full{});
        });
  }
}

/// The reverse, out of [length, padded(size)].
template <typename T>
static void unpack_rows(const float* x, int64_t length, int64_t size, T* out, int64_t stride) {
  const int64_t width = padded(size);
  for (int64_t i = 0; i < length; ++i) {
    for_columns(
        size, [&](int64_t j, auto span) __attribute__((always_inline)) {
          store(out + i * stride + j, load(x + i * width + j, Full{}), span);
        });
  }
}

/// Scores to probabilities with dropout, in place; returns the logsumexp.
PALS_INLINE float softmax_row(float* scores, int64_t length, const DropoutRow* drop,
                              int64_t first_column) {
  VecF largest = broadcast(-__builtin_inff());
  for_columns(
      length, [&](int64_t j, auto span) __attribute__((always_inline)) {
        largest = max(largest, load_or(scores + j, span, -__builtin_inff()));
      });
  const float top = max_lanes(largest);
  VecF sum = {};
  for_columns(
      length, [&](int64_t j, auto span) __attribute__((always_inline)) {
        const VecF e = exp(load_or(scores + j, span, -__builtin_inff()) - top);
        store(scores + j, e, Full{});
        sum += e;
      });
  const float total = sum_lanes(sum);
  const float inverse = 1.0F / total;
  for (int64_t j = 0; j < length; j += kLanes) {
    VecF p = load(scores + j, Full{}) * inverse;
    if (drop != nullptr) {
      p *= dropout_factors(*drop, first_column + j);
    }
    store(scores + j, p, Full{});
  }
  return top + __builtin_logf(total);
}

template <typename T>
static void attention_forward(const AttentionArgs& args, int64_t row, int64_t head,
                              float* scratch_memory) {
  const int64_t first = args.cu_seqlens[row] - args.cu_seqlens[0];
  const int64_t length = args.cu_seqlens[row + 1] - args.cu_seqlens[row];
  const int64_t size = args.head_size;
  const int64_t tokens = padded(length);
  const int64_t width = padded(size);
  const int64_t offset = head * size;
  Scratch scratch = {scratch_memory};
  float* keys = take(scratch, size * tokens);
  float* queries = take(scratch, length * width);
  float* values = take(scratch, length * width);
  float* result = take(scratch, length * width);
  float* scores = take(scratch, kQueryBlock * tokens);
  pack_transposed(row_of<T>(args.k, first) + offset, args.k.stride, length, size, args.scale, keys,
                  tokens);
  pack_rows(row_of<T>(args.q, first) + offset, args.q.stride, length, size, queries);
  pack_rows(row_of<T>(args.v, first) + offset, args.v.stride, length, size, values);

  const bool drop = args.dropout.token_keys != nullptr;
  for (int64_t begin = 0; begin < length; begin += kQueryBlock) {
    const int64_t count = length - begin < kQueryBlock ? length - begin : kQueryBlock;
    multiply<false>({scores, tokens, queries + begin * width, width, 1, keys, tokens, size}, count,
                    tokens);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t token = first + begin + i;
      const DropoutRow dropout = drop ? dropout_row(args.dropout, token) : DropoutRow{};
      args.logsumexp[token * args.num_heads + head] =
          softmax_row(scores + i * tokens, length, drop ? &dropout : nullptr, head * 4096);
    }
    multiply<false>({result + begin * width, width, scores, tokens, 1, values, width, length},
                    count, width);
  }
  unpack_rows(result, length, size, row_of<T>(args.context, first) + offset, args.context.stride);
}

/// From scores s, d = d_context V^T and the logsumexp: probabilities with dropout over s, and the
/// gradient of the unscaled scores, scale * p (f d - sum of p f d), over d. `kept` holds one row.
PALS_INLINE void softmax_backward_row(float* s, float* d, float* kept, int64_t length,
                                      float logsumexp, float scale, const DropoutRow* drop,
                                      int64_t first_column) {
  VecF sum = {};
  for_columns(
      length, [&](int64_t j, auto span) __attribute__((always_inline)) {
        const VecF p = exp(load_or(s + j, span, -__builtin_inff()) - logsumexp);
        VecF dropped = p;
        if (drop != nullptr) {
          dropped *= dropout_factors(*drop, first_column + j);
        }
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
  const int64_t size = args.head_size;
  const int64_t tokens = padded(length);
  const int64_t width = padded(size);
  const int64_t offset = head * size;
  Scratch scratch = {scratch_memory};
  float* keys_transposed = take(scratch, size * tokens);
  float* values_transposed = take(scratch, size * tokens);
  float* keys = take(scratch, length * width);
  float* queries = take(scratch, length * width);
  float* d_context = take(scratch, length * width);
  float* dq = take(scratch, length * width);
  float* dk = take(scratch, length * width);
  float* dv = take(scratch, length * width);
  float* scores = take(scratch, kQueryBlock * tokens);
  float* d_scores = take(scratch, kQueryBlock * tokens);
  float* kept = take(scratch, tokens);
  const T* k = row_of<T>(args.k, first) + offset;
  pack_transposed(k, args.k.stride, length, size, args.scale, keys_transposed, tokens);
  pack_transposed(row_of<T>(args.v, first) + offset, args.v.stride, length, size, 1.0F,
                  values_transposed, tokens);
  pack_rows(k, args.k.stride, length, size, keys);
  pack_rows(row_of<T>(args.q, first) + offset, args.q.stride, length, size, queries);
  pack_rows(row_of<T>(args.d_context, first) + offset, args.d_context.stride, length, size,
            d_context);

  const bool drop = args.dropout.token_keys != nullptr;
  for (int64_t begin = 0; begin < length; begin += kQueryBlock) {
    const int64_t count = length - begin < kQueryBlock ? length - begin : kQueryBlock;
    const float* q_block = queries + begin * width;
    const float* d_block = d_context + begin * width;
    multiply<false>({scores, tokens, q_block, width, 1, keys_transposed, tokens, size}, count,
                    tokens);
    multiply<false>({d_scores, tokens, d_block, width, 1, values_transposed, tokens, size}, count,
                    tokens);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t token = first + begin + i;
      const DropoutRow dropout = drop ? dropout_row(args.dropout, token) : DropoutRow{};
      softmax_backward_row(scores + i * tokens, d_scores + i * tokens, kept, length,
                           args.logsumexp[token * args.num_heads + head], args.scale,
                           drop ? &dropout : nullptr, head * 4096);
    }
    multiply<false>({dq + begin * width, width, d_scores, tokens, 1, keys, width, length}, count,
                    width);
    const Product to_dk = {dk, width, d_scores, 1, tokens, q_block, width, count};
    const Product to_dv = {dv, width, scores, 1, tokens, d_block, width, count};
    if (begin == 0) {
      multiply<false>(to_dk, length, width);
      multiply<false>(to_dv, length, width);
    } else {
      multiply<true>(to_dk, length, width);
      multiply<true>(to_dv, length, width);
    }
  }
  unpack_rows(dq, length, size, row_of<T>(args.dq, first) + offset, args.dq.stride);
  unpack_rows(dk, length, size, row_of<T>(args.dk, first) + offset, args.dk.stride);
  unpack_rows(dv, length, size, row_of<T>(args.dv, first) + offset, args.dv.stride);
}

}  // namespace pals::isa::PALS_ISA_NAME

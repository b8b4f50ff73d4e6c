// Kernels that walk parameters: embeddings, column sums, accumulation, BERTAdam. See vector.h for
// how these files are compiled.
#pragma once

#include "nn/isa/vector.h"

namespace pals::isa::PALS_ISA_NAME {

template <typename T>
static void embedding_forward(const EmbeddingArgs& args, int64_t begin, int64_t end) {
  for (int64_t m = begin; m < end; ++m) {
    const float* word = args.word + args.token_ids[m] * args.columns;
    const float* position = args.position + args.position_ids[m] * args.columns;
    const float* type = args.token_type + args.token_type_ids[m] * args.columns;
    T* out = row_of<T>(args.out, m);
    for_columns(
        args.columns, [&](int64_t j, auto span) __attribute__((always_inline)) {
          store(out + j, load(word + j, span) + load(position + j, span) + load(type + j, span),
                span);
        });
  }
}

template <typename T>
static void embedding_backward(const EmbeddingArgs& args, int64_t tokens, int64_t begin,
                               int64_t end) {
  float* const tables[] = {args.word, args.position, args.token_type};
  const int32_t* const ids[] = {args.token_ids, args.position_ids, args.token_type_ids};
  for (int table = 0; table < 3; ++table) {
    if (tables[table] == nullptr) {
      continue;
    }
    for (int64_t m = 0; m < tokens; ++m) {
      float* target = tables[table] + ids[table][m] * args.columns + begin;
      const T* d = row_of<T>(args.out, m) + begin;
      for_columns(
          end - begin, [&](int64_t j, auto span) __attribute__((always_inline)) {
            store(target + j, load(target + j, span) + load(d + j, span), span);
          });
    }
  }
}

template <typename T>
static void add_column_sums(const Matrix& x, int64_t columns, int64_t begin, int64_t end,
                            float* sums) {
  for (int64_t m = begin; m < end; ++m) {
    const T* row = row_of<T>(x, m);
    for_columns(
        columns, [&](int64_t j, auto span) __attribute__((always_inline)) {
          store(sums + j, load(sums + j, span) + load(row + j, span), span);
        });
  }
}

template <typename T>
static void accumulate(const Matrix& x, const Matrix& target, int64_t columns, int64_t begin,
                       int64_t end) {
  for (int64_t m = begin; m < end; ++m) {
    const T* from = row_of<T>(x, m);
    float* to = row_of<float>(target, m);
    for_columns(
        columns, [&](int64_t j, auto span) __attribute__((always_inline)) {
          store(to + j, load(to + j, span) + load(from + j, span), span);
        });
  }
}

/// Fixed blocks summed in fp32 over four vectors, the blocks in double.
static double sum_of_squares(const float* x, int64_t count) {
  constexpr int64_t kBlock = 4096;
  double total = 0.0;
  for (int64_t begin = 0; begin < count; begin += kBlock) {
    const int64_t size = count - begin < kBlock ? count - begin : kBlock;
    const float* p = x + begin;
    VecF sum[4] = {};
    int64_t j = 0;
    for (; j + 4 * kLanes <= size; j += 4 * kLanes) {
      for (int i = 0; i < 4; ++i) {
        const VecF value = load(p + j + i * kLanes, Full{});
        sum[i] += value * value;
      }
    }
    for_columns(
        size - j, [&](int64_t i, auto span) __attribute__((always_inline)) {
          const VecF value = load(p + j + i, span);
          sum[0] += value * value;
        });
    total += sum_lanes((sum[0] + sum[1]) + (sum[2] + sum[3]));
  }
  return total;
}

static void bert_adam(const AdamArgs& args, int64_t begin, int64_t end) {
  const float decay = args.weight_decay;
  const float rate = args.learning_rate;
  const float* gradients = args.gradients + begin;
  float* weights = args.weights + begin;
  float* first = args.first_moment + begin;
  float* second = args.second_moment + begin;
  uint16_t* shadow = args.shadow != nullptr ? args.shadow + begin : nullptr;
  for_columns(
      end - begin, [&](int64_t j, auto span) __attribute__((always_inline)) {
        const VecF g = load(gradients + j, span) * args.clip;
        const VecF m = load(first + j, span) * args.beta1 + g * (1.0F - args.beta1);
        const VecF v = load(second + j, span) * args.beta2 + g * g * (1.0F - args.beta2);
        VecF w = load(weights + j, span);
        w -= (m / (sqrt(v) + args.epsilon) + w * decay) * rate;
        store(first + j, m, span);
        store(second + j, v, span);
        store(weights + j, w, span);
        if (shadow != nullptr) {
          store(shadow + j, w, span);
        }
      });
}

}  // namespace pals::isa::PALS_ISA_NAME

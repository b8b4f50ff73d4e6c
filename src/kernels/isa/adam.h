// BERTAdam. See vector.h for how these files are compiled.
#pragma once

#include "kernels/isa/vector.h"

namespace pals::isa::PALS_ISA_NAME {

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

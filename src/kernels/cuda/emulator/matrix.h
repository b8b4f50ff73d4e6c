// The tensor cores' operations on the emulator, lane by lane as the PTX ISA lays matrices out.
#pragma once

#include "kernels/cuda/emulator/emulator.h"

namespace pals::emulator {

inline void move_matrices(Lane* lanes, bool transposed) {
  for (int lane = 0; lane < 32; ++lane) {
    const int g = lane / 4, t = lane % 4;
    for (int matrix = 0; matrix < 4; ++matrix) {
      const auto element = [&](int row, int column) -> uint32_t {
        return static_cast<const uint16_t*>(lanes[matrix * 8 + row].in)[column];
      };
      const uint32_t low = transposed ? element(2 * t, g) : element(g, 2 * t);
      const uint32_t high = transposed ? element(2 * t + 1, g) : element(g, 2 * t + 1);
      static_cast<uint32_t*>(lanes[lane].out)[matrix] = low | high << 16;
    }
  }
}

/// ldmatrix.x4: see kernels/cuda/matrix.cuh.
inline void load_matrices(uint32_t (&out)[4], const void* row, bool transposed,
                          const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  check_aligned(row, 16, file, line);
  const WarpOperation straight = [](Lane* lanes) { move_matrices(lanes, false); };
  const WarpOperation turned = [](Lane* lanes) { move_matrices(lanes, true); };
  with_warp(transposed ? turned : straight, {row, out}, file, line);
}

/// mma.m16n8k16 with fp32 accumulators; `Widen` turns 16 bits into a float.
template <typename Widen>
void multiply_add(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1, Widen /*widen*/,
                  const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  struct In {
    uint32_t a[4], b[2];
  };
  const In in = {{a[0], a[1], a[2], a[3]}, {b0, b1}};
  const WarpOperation operation = [](Lane* lanes) {
    float left[16][16], right[16][8];
    const auto half = [](uint32_t pair, int odd) {
      return Widen{}(static_cast<uint16_t>(odd != 0 ? pair >> 16 : pair));
    };
    for (int lane = 0; lane < 32; ++lane) {
      const auto& operands = *static_cast<const In*>(lanes[lane].in);
      const int g = lane / 4, t = lane % 4;
      for (int odd = 0; odd < 2; ++odd) {
        for (int i = 0; i < 4; ++i) {
          left[g + 8 * (i % 2)][2 * t + odd + 8 * (i / 2)] = half(operands.a[i], odd);
        }
        for (int i = 0; i < 2; ++i) right[2 * t + odd + 8 * i][g] = half(operands.b[i], odd);
      }
    }
    for (int lane = 0; lane < 32; ++lane) {
      auto* out = static_cast<float*>(lanes[lane].out);
      const int g = lane / 4, t = lane % 4;
      for (int i = 0; i < 4; ++i) {
        float sum = out[i];
        for (int k = 0; k < 16; ++k) sum += left[g + 8 * (i / 2)][k] * right[k][2 * t + i % 2];
        out[i] = sum;
      }
    }
  };
  with_warp(operation, {&in, c}, file, line);
}

}  // namespace pals::emulator

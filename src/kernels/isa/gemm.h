// A small matrix product for attention: fp32, B in whole vectors, A read one element at a time with
// any strides (so that a transposed A costs nothing). See vector.h for how these files are
// compiled.
#pragma once

#include "kernels/isa/vector.h"

namespace pals::isa::PALS_ISA_NAME {

// The register block: kBlockRows x kBlockVectors accumulators, one row of B, one element of A.
constexpr int kBlockRows = 6;
constexpr int kBlockVectors = kLanes == 16 ? 4 : 2;

/// C[i][j] (+)= sum over k of A[i * a_row + k * a_column] * B[k * ldb + j].
struct Product {
  float* c;
  int64_t ldc;
  const float* a;
  int64_t a_row, a_column;
  const float* b;
  int64_t ldb;
  int64_t depth;
};

template <int Rows, int Vectors, bool Add>
static void multiply_block(const Product& p) {
  float* const c = p.c;
  const int64_t ldc = p.ldc, ldb = p.ldb, a_row = p.a_row, a_column = p.a_column, depth = p.depth;
  VecF sum[Rows][Vectors];
#pragma GCC unroll 8
  for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) {
      sum[i][j] = Add ? load(c + i * ldc + j * kLanes, Full{}) : VecF{};
    }
  }
  const float* a = p.a;
  const float* b = p.b;
  for (int64_t k = 0; k < depth; ++k, a += a_column, b += ldb) {
    VecF row[Vectors];
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) {
      row[j] = load(b + j * kLanes, Full{});
    }
#pragma GCC unroll 8
    for (int i = 0; i < Rows; ++i) {
      const VecF element = broadcast(a[i * a_row]);
#pragma GCC unroll 8
      for (int j = 0; j < Vectors; ++j) {
        sum[i][j] += element * row[j];
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < Rows; ++i) {
#pragma GCC unroll 8
    for (int j = 0; j < Vectors; ++j) {
      store(c + i * ldc + j * kLanes, sum[i][j], Full{});
    }
  }
}

using BlockFunction = void (*)(const Product&);

template <int Vectors, bool Add>
static BlockFunction block_function(int rows) {
  switch (rows) {
    case 1:
      return multiply_block<1, Vectors, Add>;
    case 2:
      return multiply_block<2, Vectors, Add>;
    case 3:
      return multiply_block<3, Vectors, Add>;
    case 4:
      return multiply_block<4, Vectors, Add>;
    case 5:
      return multiply_block<5, Vectors, Add>;
    default:
      return multiply_block<6, Vectors, Add>;
  }
}

template <bool Add>
static BlockFunction block_function(int rows, int vectors) {
  switch (vectors) {
    case 1:
      return block_function<1, Add>(rows);
    case 2:
      return block_function<2, Add>(rows);
#if defined(__AVX512F__)
    case 3:
      return block_function<3, Add>(rows);
#endif
    default:
      return block_function<kBlockVectors, Add>(rows);
  }
}

/// The whole product: `rows` rows of C, `columns` (a multiple of kLanes) columns.
template <bool Add>
static void multiply(const Product& whole, int64_t rows, int64_t columns) {
  int64_t vectors_left = columns / kLanes;
  for (int64_t column = 0; vectors_left > 0;) {
    // Even shares: 5 vectors go as 3 + 2, not as 4 + 1.
    const int64_t panels = (vectors_left + kBlockVectors - 1) / kBlockVectors;
    const int vectors = static_cast<int>((vectors_left + panels - 1) / panels);
    for (int64_t row = 0; row < rows;) {
      const int64_t blocks = (rows - row + kBlockRows - 1) / kBlockRows;
      const int count = static_cast<int>((rows - row + blocks - 1) / blocks);
      Product part = whole;
      part.c += row * whole.ldc + column;
      part.a += row * whole.a_row;
      part.b += column;
      block_function<Add>(count, vectors)(part);
      row += count;
    }
    column += vectors * kLanes;
    vectors_left -= vectors;
  }
}

}  // namespace pals::isa::PALS_ISA_NAME

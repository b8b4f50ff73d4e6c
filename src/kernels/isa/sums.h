// Column sums and accumulation. See vector.h for how these files are compiled.
#pragma once

#include "kernels/isa/vector.h"

namespace pals::isa::PALS_ISA_NAME {

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

}  // namespace pals::isa::PALS_ISA_NAME

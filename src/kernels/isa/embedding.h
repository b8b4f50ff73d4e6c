// Embeddings. See vector.h for how these files are compiled.
#pragma once

#include "kernels/isa/vector.h"

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

}  // namespace pals::isa::PALS_ISA_NAME

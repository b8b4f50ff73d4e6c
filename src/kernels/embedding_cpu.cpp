// Embeddings on CPU kernels.
#include "kernels/backend.h"
#include "kernels/cpu_support.h"

namespace pals::cpu {
namespace {

/// Kernels index tables without looking: hostile ids end here.
void check_ids(const at::Tensor& ids, const at::Tensor& table, const char* name) {
  if (!table.defined()) {
    return;
  }
  const int32_t* id = ids.const_data_ptr<int32_t>();
  for (int64_t m = 0; m < ids.numel(); ++m) {
    TORCH_CHECK(id[m] >= 0 && id[m] < table.size(0), name, " ", id[m], " at token ", m,
                ": the table has ", table.size(0), " rows");
  }
}

void check_ids(const Embedding& block) {
  check_ids(block.token_ids, block.word, "token id");
  check_ids(block.position_ids, block.position, "position");
  check_ids(block.token_type_ids, block.token_type, "token type");
}

}  // namespace

void embedding_forward(const Embedding& block) {
  check_ids(block);
  const isa::EmbeddingArgs args = pack(block);
  const auto kernel = kernels_for(block.out).embedding_forward;
  for_rows(block.out, [&](int64_t begin, int64_t end) { kernel(args, begin, end); });
}

void embedding_backward(const Embedding& block) {
  check_ids(block);
  const isa::EmbeddingArgs args = pack(block);
  const auto kernel = kernels_for(block.out).embedding_backward;
  // Threads share columns, so that each sum is made in the order of tokens.
  const int64_t tokens = block.out.size(0), lines = (args.columns + 15) / 16;
  const int64_t chunks = std::min(lines, chunks_of(tokens, args.columns));
  for_chunks(lines, chunks, [&](int64_t /*chunk*/, int64_t begin, int64_t end) {
    kernel(args, tokens, begin * 16, std::min(end * 16, args.columns));
  });
}

}  // namespace pals::cpu

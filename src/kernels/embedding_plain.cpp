// Plain embeddings.
#include "kernels/backend.h"

namespace pals::plain {

void embedding_forward(const Embedding& block) {
  block.out.copy_(block.word.index_select(0, block.token_ids) +
                  block.position.index_select(0, block.position_ids) +
                  block.token_type.index_select(0, block.token_type_ids));
}

void embedding_backward(const Embedding& block) {
  const auto add = [&](const at::Tensor& gradient, const at::Tensor& ids) {
    if (gradient.defined()) gradient.index_add_(0, ids, block.out.to(gradient.scalar_type()));
  };
  add(block.word, block.token_ids);
  add(block.position, block.position_ids);
  add(block.token_type, block.token_type_ids);
}

}  // namespace pals::plain

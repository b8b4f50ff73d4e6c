// Plain versions of the blocks that walk tables of parameters: embeddings and the optimizer.
#include <algorithm>
#include <cstring>

#include "nn/blocks_plain.h"

namespace pals::plain {

void embedding_forward(const at::Tensor& token_ids, const at::Tensor& position_ids,
                       const at::Tensor& token_type_ids, const at::Tensor& word,
                       const at::Tensor& position, const at::Tensor& token_type, at::Tensor& out) {
  out.copy_(word.index_select(0, token_ids) + position.index_select(0, position_ids) +
            token_type.index_select(0, token_type_ids));
}

void embedding_backward(const at::Tensor& d_out, const at::Tensor& token_ids,
                        const at::Tensor& position_ids, const at::Tensor& token_type_ids,
                        at::Tensor word_grad, at::Tensor position_grad,
                        at::Tensor token_type_grad) {
  const auto add = [&](at::Tensor& table, const at::Tensor& ids) {
    if (table.defined()) {
      table.index_add_(0, ids, d_out.to(table.scalar_type()));
    }
  };
  add(word_grad, token_ids);
  add(position_grad, position_ids);
  add(token_type_grad, token_type_ids);
}

void bert_adam_step(const std::vector<AdamRange>& ranges, const BertAdamOptions& options,
                    at::Tensor weights, const at::Tensor& gradients, at::Tensor first_moment,
                    at::Tensor second_moment, at::Tensor shadow) {
  if (options.overflow != nullptr && options.overflow->item<float>() != 0.0F) return;
  for (const AdamRange& range : ranges) {
    const auto part = [&](const at::Tensor& buffer) {
      return buffer.narrow(0, range.offset, range.numel);
    };
    const at::Tensor gradient = part(gradients);
    const double norm = gradient.to(at::kDouble).norm().item<double>();
    const double factor = std::min(1.0, options.max_grad_norm / (norm + 1e-6));
    const at::Tensor clipped = gradient * factor;
    const at::Tensor m = part(first_moment);
    const at::Tensor v = part(second_moment);
    const at::Tensor w = part(weights);
    m.mul_(options.beta1).add_(clipped, 1 - options.beta1);
    v.mul_(options.beta2).addcmul_(clipped, clipped, 1 - options.beta2);
    w.sub_((m / (v.sqrt() + options.epsilon) + w * range.weight_decay) * range.learning_rate);
    if (shadow.defined()) {
      part(shadow).copy_(w);
    }
  }
}

void bert_adam_table_step(const at::Tensor& table, int64_t chunks, const BertAdamOptions& options,
                          at::Tensor weights, const at::Tensor& gradients, at::Tensor first_moment,
                          at::Tensor second_moment, at::Tensor shadow) {
  const at::Tensor here = table.cpu();
  std::vector<AdamRow> rows(static_cast<size_t>(here.numel() / kAdamRowWords));
  if (!rows.empty()) std::memcpy(rows.data(), here.const_data_ptr(), here.nbytes());
  std::vector<AdamRange> ranges;
  for (const AdamRow& row : rows) ranges.push_back(row.range);
  TORCH_CHECK(adam_table_size(ranges).chunks <= chunks, "optimizer table: more than ", chunks,
              " chunks");
  pals::bert_adam_step(ranges, options, weights, gradients, first_moment, second_moment, shadow);
}

}  // namespace pals::plain

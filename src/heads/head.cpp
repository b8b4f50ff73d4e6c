#include "heads/head.h"

#include "kinds/kind.h"

namespace pals {

Head::Head(ParameterTable& table, const std::string& prefix, int64_t hidden_size,
           const HeadSpec& spec, int owner)
    : kind_(&kind_of(spec.kind)),
      loss_(spec.loss),
      dense_(table, prefix, {kind_->head().name}, hidden_size, spec.num_outputs, {owner}) {}

bool Head::reads_tokens() const { return kind_->head().reads_tokens; }

Dropout Head::dropout(const Pass& pass) const {
  return reads_tokens() ? Dropout{} : pass.hidden_dropout(0, kHead);
}

at::Tensor Head::forward(const Pass& pass, const at::Tensor& input,
                         const at::Tensor& first_keys) const {
  // In fp32 whatever the encoder's type: bf16 would quantise a regression's values.
  at::Tensor x = input.to(at::kFloat);
  const Dropout dropout = this->dropout(pass);
  if (dropout.active()) {
    if (x.is_same(input)) x = input.clone();
    bias_dropout_forward({.x = x, .dropout = dropout, .token_keys = first_keys});
  }
  pass.save(x);
  return dense_.forward(pass, x);
}

at::Tensor Head::backward(const Pass& pass, const at::Tensor& d_logits,
                          const at::Tensor& first_keys) const {
  const auto [x] = pass.take<1>();
  dense_.backward_weight(pass, d_logits, x);
  dense_.backward_bias(pass, d_logits);
  at::Tensor dx = dense_.backward_input(pass, d_logits);
  const Dropout dropout = this->dropout(pass);
  if (dropout.active()) {
    BiasDropout block{.dropout = dropout, .token_keys = first_keys, .dy = dx, .dx = dx};
    bias_dropout_backward(block);
  }
  return dx.to(pass.type);
}

LossTargets Head::loss_targets(const PackedBatch& batch, const Segment& segment,
                               Upload& upload) const {
  LossLayout layout = kind_->loss_layout(batch, segment, num_outputs());
  apply_settings(loss_, layout);
  if (batch.teacher_weight > 0.0 && !batch.taught_of(segment.first_example).empty()) {
    kind_->add_teacher(batch, segment, layout);
  }
  return upload_layout(layout, upload);
}

}  // namespace pals

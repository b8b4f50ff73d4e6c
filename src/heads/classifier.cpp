#include "heads/classifier.h"

namespace pals {

Classifier::Classifier(ParameterTable& table, const std::string& prefix, int64_t hidden_size,
                       int64_t num_outputs, bool regression, int owner)
    : dense_(table, prefix, {"classifier"}, hidden_size, num_outputs, {owner}),
      regression_(regression) {}

at::Tensor Classifier::forward(const Pass& pass, const at::Tensor& pooled,
                               const at::Tensor& first_keys) const {
  at::Tensor x = pooled;
  const Dropout dropout = pass.hidden_dropout(0, kHead);
  if (dropout.active()) {
    x = pooled.clone();
    bias_dropout_forward(x, {}, dropout, first_keys);
  }
  pass.save(x);
  return dense_.forward(pass, x).to(at::kFloat);
}

at::Tensor Classifier::backward(const Pass& pass, const at::Tensor& d_logits,
                                const at::Tensor& first_keys) const {
  const auto [x] = pass.take<1>();
  const at::Tensor dy = d_logits.to(pass.type);
  dense_.backward_weight(pass, dy, x);
  dense_.backward_bias(pass, dy);
  at::Tensor dx = dense_.backward_input(pass, dy);
  const Dropout dropout = pass.hidden_dropout(0, kHead);
  if (dropout.active()) bias_dropout_backward(dx, dropout, first_keys, dx, {});
  return dx;
}

Loss cross_entropy(const at::Tensor& logits, const int32_t* labels, double scale) {
  const int64_t rows = logits.size(0);
  const at::Tensor target =
      at::from_blob(const_cast<int32_t*>(labels), {rows}, at::kInt).to(at::kLong);
  const at::Tensor log_probabilities = at::log_softmax(logits, 1);
  Loss loss;
  loss.sum = -log_probabilities.gather(1, target.unsqueeze(1)).sum(at::kDouble).item<double>();
  loss.d_logits = log_probabilities.exp();
  loss.d_logits.scatter_add_(1, target.unsqueeze(1), at::full({rows, 1}, -1.0F));
  loss.d_logits.mul_(scale);
  return loss;
}

Loss squared_error(const at::Tensor& logits, const float* values, double scale) {
  const int64_t rows = logits.size(0);
  const at::Tensor target = at::from_blob(const_cast<float*>(values), {rows, 1}, at::kFloat);
  const at::Tensor difference = logits - target;
  return {difference.square().sum(at::kDouble).item<double>(), difference * (2.0 * scale)};
}

}  // namespace pals

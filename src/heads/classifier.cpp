#include "heads/classifier.h"

namespace pals {

Classifier::Classifier(ParameterTable& table, const std::string& prefix, int64_t hidden_size,
                       int64_t num_outputs, bool regression, int owner)
    : dense_(table, prefix, {"classifier"}, hidden_size, num_outputs, {owner}),
      regression_(regression) {}

at::Tensor Classifier::forward(const Pass& pass, const at::Tensor& pooled,
                               const at::Tensor& first_keys) const {
  // In fp32 whatever the encoder's type: bf16 would quantise a regression's values.
  at::Tensor x = pooled.to(at::kFloat);
  const Dropout dropout = pass.hidden_dropout(0, kHead);
  if (dropout.active()) {
    if (x.is_same(pooled)) x = pooled.clone();
    bias_dropout_forward(x, {}, dropout, first_keys);
  }
  pass.save(x);
  return dense_.forward(pass, x);
}

at::Tensor Classifier::backward(const Pass& pass, const at::Tensor& d_logits,
                                const at::Tensor& first_keys) const {
  const auto [x] = pass.take<1>();
  dense_.backward_weight(pass, d_logits, x);
  dense_.backward_bias(pass, d_logits);
  at::Tensor dx = dense_.backward_input(pass, d_logits);
  const Dropout dropout = pass.hidden_dropout(0, kHead);
  if (dropout.active()) bias_dropout_backward(dx, dropout, first_keys, dx, {});
  return dx.to(pass.type);
}

Loss cross_entropy(const at::Tensor& logits, const int32_t* labels, double scale) {
  const int64_t rows = logits.size(0), classes = logits.size(1);
  const at::Tensor log_probabilities = at::log_softmax(logits, 1).contiguous();
  Loss loss;
  loss.d_logits = log_probabilities.exp();
  const float* log_probability = log_probabilities.const_data_ptr<float>();
  float* gradient = loss.d_logits.data_ptr<float>();
  for (int64_t row = 0; row < rows; ++row) {
    TORCH_CHECK(labels[row] >= 0 && labels[row] < classes, "label ", labels[row], " of ", classes,
                " classes");
    const int64_t target = row * classes + labels[row];
    loss.rows.push_back(-static_cast<double>(log_probability[target]));
    gradient[target] -= 1.0F;
  }
  loss.d_logits.mul_(scale);
  return loss;
}

Loss squared_error(const at::Tensor& logits, const float* values, double scale) {
  Loss loss;
  loss.d_logits = at::empty(logits.sizes(), at::kFloat);
  const at::Tensor outputs = logits.contiguous();
  for (int64_t row = 0; row < outputs.size(0); ++row) {
    const double difference = static_cast<double>(outputs.const_data_ptr<float>()[row]) -
                              static_cast<double>(values[row]);
    loss.rows.push_back(difference * difference);
    loss.d_logits.data_ptr<float>()[row] = static_cast<float>(2.0 * scale * difference);
  }
  return loss;
}

}  // namespace pals

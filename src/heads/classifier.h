// Heads on the pooled output: a linear classifier or regressor of each task, and its loss.
#pragma once

#include <string>

#include "nn/linear.h"

namespace pals {

/// Dropout, then dense [C, H] (reference-system, section 1 "Heads").
class Classifier {
 public:
  /// Registers `<prefix>classifier`; regression has one output.
  Classifier(ParameterTable& table, const std::string& prefix, int64_t hidden_size,
             int64_t num_outputs, bool regression, int owner);

  bool regression() const { return regression_; }
  int64_t num_outputs() const { return dense_.out_features(); }

  /// pooled [B, H] act -> logits [B, C] fp32. first_keys [B]: dropout keys of the rows' first
  /// tokens.
  at::Tensor forward(const Pass& pass, const at::Tensor& pooled,
                     const at::Tensor& first_keys) const;
  /// Gradient of pooled.
  at::Tensor backward(const Pass& pass, const at::Tensor& d_logits,
                      const at::Tensor& first_keys) const;

 private:
  Linear dense_;
  bool regression_ = false;
};

/// The rows' losses, and what backward starts from.
struct Loss {
  std::vector<double> rows;  ///< [B]
  at::Tensor d_logits;       ///< [B, C] fp32: gradient of their sum, times `scale`
};

/// Cross-entropy of logits [B, C] against class indices labels [B].
Loss cross_entropy(const at::Tensor& logits, const int32_t* labels, double scale);

/// Squared error of logits [B, 1] against values [B].
Loss squared_error(const at::Tensor& logits, const float* values, double scale);

}  // namespace pals

// Plain ATen versions of the fused blocks (contracts: nn/blocks.h): the truth in tests and the
// fallback on devices without kernels. They compute in fp32, or in double when given doubles.
#pragma once

#include "nn/blocks.h"

namespace pals::plain {

void bias_activation_forward(Activation activation, at::Tensor& x, const at::Tensor& bias,
                             at::Tensor& y);
void bias_activation_backward(Activation activation, const at::Tensor& dy, const at::Tensor& u,
                              at::Tensor& du, at::Tensor bias_grad);
void bias_dropout_forward(at::Tensor& x, const at::Tensor& bias, const Dropout& dropout,
                          const at::Tensor& token_keys);
void bias_dropout_backward(const at::Tensor& dy, const Dropout& dropout,
                           const at::Tensor& token_keys, at::Tensor& dx, at::Tensor bias_grad);
void dropout_add_layer_norm_forward(at::Tensor& x, const at::Tensor& bias,
                                    const at::Tensor& residual, const at::Tensor& extra,
                                    const at::Tensor& gamma, const at::Tensor& beta, double epsilon,
                                    const Dropout& dropout, const at::Tensor& token_keys,
                                    at::Tensor& y, at::Tensor& mean, at::Tensor& rstd);
void dropout_add_layer_norm_backward(const at::Tensor& dy, const at::Tensor& z,
                                     const at::Tensor& mean, const at::Tensor& rstd,
                                     const at::Tensor& gamma, const Dropout& dropout,
                                     const at::Tensor& token_keys, at::Tensor& dz, at::Tensor& dx,
                                     at::Tensor gamma_grad, at::Tensor beta_grad,
                                     at::Tensor bias_grad);
void attention_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const AttentionRows& rows, int64_t num_heads, double scale,
                       const Dropout& dropout, at::Tensor& context, at::Tensor& logsumexp);
void attention_backward(const at::Tensor& d_context, const at::Tensor& q, const at::Tensor& k,
                        const at::Tensor& v, const at::Tensor& context, const at::Tensor& logsumexp,
                        const AttentionRows& rows, int64_t num_heads, double scale,
                        const Dropout& dropout, at::Tensor& dq, at::Tensor& dk, at::Tensor& dv);
void joint_attention_forward(AttentionHeads& first, AttentionHeads& second,
                             const AttentionRows& rows);
void joint_attention_backward(AttentionHeads& first, AttentionHeads& second,
                              const AttentionRows& rows);
void embedding_forward(const at::Tensor& token_ids, const at::Tensor& position_ids,
                       const at::Tensor& token_type_ids, const at::Tensor& word,
                       const at::Tensor& position, const at::Tensor& token_type, at::Tensor& out);
void embedding_backward(const at::Tensor& d_out, const at::Tensor& token_ids,
                        const at::Tensor& position_ids, const at::Tensor& token_type_ids,
                        at::Tensor word_grad, at::Tensor position_grad, at::Tensor token_type_grad);
void add_column_sums(const at::Tensor& x, at::Tensor sum);
void accumulate(const at::Tensor& x, at::Tensor target);
void quantize_rows(const at::Tensor& x, at::Tensor& bytes, at::Tensor& scales);
void scale_rows(at::Tensor& x, const at::Tensor& scales, const at::Tensor& bias);
void grouped_dense_forward(const std::vector<DenseGroup>& groups, const at::Tensor& weights,
                           const at::Tensor& biases, std::optional<Activation> activation,
                           const at::Tensor& x, at::Tensor& y);
void bert_adam_step(const std::vector<AdamRange>& ranges, const BertAdamOptions& options,
                    at::Tensor weights, const at::Tensor& gradients, at::Tensor first_moment,
                    at::Tensor second_moment, at::Tensor shadow);
/// Reads the table back, and takes the step of its ranges.
void bert_adam_table_step(const at::Tensor& table, int64_t chunks, const BertAdamOptions& options,
                          at::Tensor weights, const at::Tensor& gradients, at::Tensor first_moment,
                          at::Tensor second_moment, at::Tensor shadow);

/// The factors (0 or 1/(1-p)) of a feature dropout, [M, columns] fp32.
at::Tensor dropout_factors(const Dropout& dropout, const at::Tensor& token_keys, int64_t columns);

}  // namespace pals::plain

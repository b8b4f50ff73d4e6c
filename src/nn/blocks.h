// The fused blocks of the encoder, forward and backward, on packed tokens.
//
// M tokens (rows of a matrix), F features, H hidden_size, N heads, D head size, B rows of text.
// Activations ("act") are fp32, bf16 or (not on CPU kernels) fp16, all of one call alike, with unit
// stride in the last dimension and any row stride; parameters, their gradients and statistics are
// fp32 and contiguous. Gradients of parameters are accumulated (+=); an undefined gradient tensor
// means "not wanted". `token_keys` [M] int32 holds dropout_token_key of each token; it is read only
// where dropout is active.
//
// Every block has a plain ATen version (namespace plain: the truth in tests, the fallback on other
// devices) and a CPU kernel chosen at run time by instruction set. For one number of threads and
// one instruction set results are bit-reproducible.
#pragma once

#include <ATen/ATen.h>

#include <optional>
#include <vector>

#include "nn/adam_table.h"
#include "nn/dropout.h"

namespace pals {

enum class Activation { kGelu, kGeluNew, kRelu, kSilu };  // kGelu: the exact, erf form

/// u = x + bias, written over x (kept for backward); y = activation(u). x, y [M, F] act; bias [F].
void bias_activation_forward(Activation activation, at::Tensor& x, const at::Tensor& bias,
                             at::Tensor& y);

/// du = dy * activation'(u); bias_grad += column sums of du. du may be dy.
void bias_activation_backward(Activation activation, const at::Tensor& dy, const at::Tensor& u,
                              at::Tensor& du, at::Tensor bias_grad);

/// x = dropout(x + bias), in place; bias may be undefined.
void bias_dropout_forward(at::Tensor& x, const at::Tensor& bias, const Dropout& dropout,
                          const at::Tensor& token_keys);

/// dx = dropout mask * dy / (1 - p); bias_grad += column sums of dx. dx may be dy.
void bias_dropout_backward(const at::Tensor& dy, const Dropout& dropout,
                           const at::Tensor& token_keys, at::Tensor& dx, at::Tensor bias_grad);

/// z = dropout(x + bias) + residual + extra, written over x (kept for backward);
/// y = (z - mean) * rstd * gamma + beta. x, residual, extra, y [M, H] act; bias, residual and extra
/// may be undefined; mean, rstd [M] fp32 outputs. `epsilon` stands inside the square root.
void dropout_add_layer_norm_forward(at::Tensor& x, const at::Tensor& bias,
                                    const at::Tensor& residual, const at::Tensor& extra,
                                    const at::Tensor& gamma, const at::Tensor& beta, double epsilon,
                                    const Dropout& dropout, const at::Tensor& token_keys,
                                    at::Tensor& y, at::Tensor& mean, at::Tensor& rstd);

/// dz: gradient of z, which is that of residual and of extra; dx = mask * dz / (1 - p): gradient of
/// the dense output. Without dropout dx is dz: pass an undefined dx, or the same tensor. dz may be
/// dy. bias_grad += column sums of dx. Any of the three parameter gradients may be undefined.
void dropout_add_layer_norm_backward(const at::Tensor& dy, const at::Tensor& z,
                                     const at::Tensor& mean, const at::Tensor& rstd,
                                     const at::Tensor& gamma, const Dropout& dropout,
                                     const at::Tensor& token_keys, at::Tensor& dz, at::Tensor& dx,
                                     at::Tensor gamma_grad, at::Tensor beta_grad,
                                     at::Tensor bias_grad);

/// Rows of text for attention: cu_seqlens [B+1] int32 (CPU kernels: on the CPU). Token numbers
/// count from cu_seqlens[0], so that a slice of rows works with the matching slice of tokens.
struct AttentionRows {
  at::Tensor cu_seqlens;
  int64_t max_seqlen = 0;
  at::Tensor token_keys;  ///< [M] int32
  /// Where outputs are wanted only of the first tokens of each row, at least one: row b's are
  /// numbers cu_queries[b] to cu_queries[b + 1] of the Q queries. Undefined: of all, Q is M.
  at::Tensor cu_queries;  ///< [B+1] int32, as cu_seqlens
  at::Tensor query_keys;  ///< [Q] int32: token_keys of the queries

  bool narrowed() const { return cu_queries.defined(); }
};

/// Multi-head self-attention of each row on itself: softmax(scale * q k^T), dropout on the
/// probabilities, times v. q, context [Q, N*D], k, v [M, N*D] act (views into a fused product are
/// fine); logsumexp [Q, N] fp32 output, kept for backward.
void attention_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const AttentionRows& rows, int64_t num_heads, double scale,
                       const Dropout& dropout, at::Tensor& context, at::Tensor& logsumexp);

/// dq [Q, N*D], dk, dv [M, N*D] act outputs (views are fine), from d_context and what forward read
/// and wrote.
void attention_backward(const at::Tensor& d_context, const at::Tensor& q, const at::Tensor& k,
                        const at::Tensor& v, const at::Tensor& context, const at::Tensor& logsumexp,
                        const AttentionRows& rows, int64_t num_heads, double scale,
                        const Dropout& dropout, at::Tensor& dq, at::Tensor& dk, at::Tensor& dv);

/// One of two attentions over the same rows, of heads, sizes and dropout of its own: what
/// attention_forward is given, and attention_backward besides.
struct AttentionHeads {
  at::Tensor q, k, v;
  int64_t num_heads = 0;
  double scale = 1.0;
  Dropout dropout = {};
  at::Tensor context, logsumexp;
  at::Tensor d_context, dq, dk, dv;  ///< backward
};

/// Whether the device of x computes two attentions of x's type in one launch.
bool joins_attention(const at::Tensor& x);

/// attention_forward of both, and attention_backward; outputs are defined. Only where
/// joins_attention(q).
void joint_attention_forward(AttentionHeads& first, AttentionHeads& second,
                             const AttentionRows& rows);
void joint_attention_backward(AttentionHeads& first, AttentionHeads& second,
                              const AttentionRows& rows);

/// out[m] = word[token_ids[m]] + position[position_ids[m]] + token_type[token_type_ids[m]].
/// Ids [M] int32; tables fp32; out [M, H] act.
void embedding_forward(const at::Tensor& token_ids, const at::Tensor& position_ids,
                       const at::Tensor& token_type_ids, const at::Tensor& word,
                       const at::Tensor& position, const at::Tensor& token_type, at::Tensor& out);

/// Adds d_out's rows to the tables' gradients (each may be undefined).
void embedding_backward(const at::Tensor& d_out, const at::Tensor& token_ids,
                        const at::Tensor& position_ids, const at::Tensor& token_type_ids,
                        at::Tensor word_grad, at::Tensor position_grad, at::Tensor token_type_grad);

/// sum [F] fp32 += column sums of x [M, F] act.
void add_column_sums(const at::Tensor& x, at::Tensor sum);

/// target [R, C] fp32 += x [R, C] act.
void accumulate(const at::Tensor& x, at::Tensor target);

/// scales[m] = largest |x| of row m / 127 (1 for a row of zeros), bytes = x / scales[m] rounded,
/// plus 128. x [M, K] act; bytes [M, K] uint8 and scales [M] fp32 are outputs.
void quantize_rows(const at::Tensor& x, at::Tensor& bytes, at::Tensor& scales);

/// x = x * scales[m] + bias, in place. x [M, N] act; scales [M], bias [N] fp32 (may be undefined).
void scale_rows(at::Tensor& x, const at::Tensor& scales, const at::Tensor& bias);

/// Rows of a matrix with a dense layer of their own. Its weight [N, K] and bias [N] begin at these
/// elements of two buffers; without a bias nothing is added.
struct DenseGroup {
  int64_t first_row = 0, rows = 0;
  int64_t weight = 0;
  std::optional<int64_t> bias = {};
};

/// y = activation(x W^T + bias), each group with its own W and bias; rows of no group stay as they
/// are. x [M, K] and y [M, N] act, bf16 or fp16; `weights` of x's type and `biases` fp32 are flat.
/// Only where groups_dense(x).
void grouped_dense_forward(const std::vector<DenseGroup>& groups, const at::Tensor& weights,
                           const at::Tensor& biases, std::optional<Activation> activation,
                           const at::Tensor& x, at::Tensor& y);

/// Whether x's device has grouped_dense_forward for its type: one launch for what is a product, a
/// bias and an activation for each group elsewhere.
bool groups_dense(const at::Tensor& x);

/// BERTAdam (reference-system, section 4) over ranges of the flat fp32 buffers [P]: for each range
/// g *= min(1, max_grad_norm / (|g| + 1e-6)), m = beta1 m + (1 - beta1) g, v = beta2 v + (1 -
/// beta2) g², w -= lr (m / (sqrt(v) + epsilon) + decay w), no bias correction. `shadow` (bf16 or
/// fp16 [P], may be undefined) receives the rounded weights. Gradients are left as they were.
struct BertAdamOptions {
  float beta1 = 0.9F, beta2 = 0.999F, epsilon = 1e-6F, max_grad_norm = 1.0F;
  /// [1] fp32 on the parameters' device, or null: where it is not 0 when the device comes to it,
  /// the step changes nothing (gradients in fp16 have overflowed).
  const at::Tensor* overflow = nullptr;
};
void bert_adam_step(const std::vector<AdamRange>& ranges, const BertAdamOptions& options,
                    at::Tensor weights, const at::Tensor& gradients, at::Tensor first_moment,
                    at::Tensor second_moment, at::Tensor shadow);

/// The same for work that is recorded: the ranges are read when the device comes to the step.
/// `table` int64, flat, is an adam_table() of at most `chunks` chunks in the parameters' device's
/// memory.
void bert_adam_table_step(const at::Tensor& table, int64_t chunks, const BertAdamOptions& options,
                          at::Tensor weights, const at::Tensor& gradients, at::Tensor first_moment,
                          at::Tensor second_moment, at::Tensor shadow);

/// The instruction set that the CPU kernels run on: "avx512_bf16", "avx512", "avx2" or "generic".
/// The environment variable PALS_ISA lowers it (for tests and comparisons).
const char* cpu_isa();

}  // namespace pals

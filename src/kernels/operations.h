// The fused blocks of the encoder, forward and backward, on packed tokens: each is a struct of its
// tensors and numbers, which the caller fills and a backend (kernels/backend.h) computes.
//
// M tokens (rows of a matrix), F features, H hidden_size, N heads, D head size, B rows of text.
// Activations ("act") are fp32, bf16 or (not on CPU kernels) fp16, all of one block alike, with
// unit stride in the last dimension and any row stride; parameters, their gradients and statistics
// are fp32 and contiguous. Gradients of parameters are accumulated (+=); an undefined gradient
// tensor means "not wanted". Outputs that come undefined are allocated, where this says "output".
// `token_keys` [M] int32 holds dropout_token_key of each token; it is read only where dropout is
// active. Fields of the direction that is not computed are not looked at.
//
// fields(visit) gives the visitor all tensors, dropouts and nested structs of a block, as a backend
// on another memory needs them.
//
// Every block has a plain ATen version (namespace plain: the truth in tests, the fallback on other
// devices) and a CPU kernel chosen at run time by instruction set. For one number of threads and
// one instruction set results are bit-reproducible.
#pragma once

#include <ATen/ATen.h>

#include <optional>
#include <span>
#include <vector>

#include "kernels/adam_ranges.h"
#include "kernels/dropout.h"

namespace pals {

/// An uninitialised activation: on devices the rows of a matrix of two-byte numbers begin at
/// multiples of kDeviceRowMultiple.
at::Tensor empty_activation(at::IntArrayRef sizes, const at::TensorOptions& options);

enum class Activation { kGelu, kGeluNew, kRelu, kSilu };  // kGelu: the exact, erf form

/// Forward: u = x + bias; y = activation(u). Backward: du = dy * activation'(u); bias_grad +=
/// column sums of du.
struct BiasActivation {
  Activation activation = Activation::kGelu;
  at::Tensor u = {};            ///< [M, F] act; forward: x in, u out; backward: u
  at::Tensor bias = {};         ///< [F]; forward
  at::Tensor y = {};            ///< [M, F] act; forward: output
  at::Tensor dy = {}, du = {};  ///< [M, F] act; backward; du is an output and may be dy
  at::Tensor bias_grad = {};    ///< [F]; backward

  void fields(auto&& visit) { visit(u, bias, y, dy, du, bias_grad); }
};
void bias_activation_forward(BiasActivation& block);
void bias_activation_backward(BiasActivation& block);

/// Forward: x = dropout(x + bias), in place. Backward: dx = mask * dy / (1 - p); bias_grad +=
/// column sums of dx.
struct BiasDropout {
  at::Tensor x = {};     ///< [M, F] act; forward
  at::Tensor bias = {};  ///< [F]; forward; may be undefined
  Dropout dropout = {};
  at::Tensor token_keys = {};
  at::Tensor dy = {}, dx = {};  ///< [M, F] act; backward; dx is an output and may be dy
  at::Tensor bias_grad = {};    ///< [F]; backward

  void fields(auto&& visit) { visit(x, bias, dropout, token_keys, dy, dx, bias_grad); }
};
void bias_dropout_forward(const BiasDropout& block);
void bias_dropout_backward(BiasDropout& block);

/// Forward: z = dropout(x + bias) + residual + extra; y = (z - mean) * rstd * gamma + beta.
/// Backward: dz: gradient of z, which is that of residual and of extra; dx = mask * dz / (1 - p):
/// gradient of the dense output. Without dropout dx is dz: leave dx undefined, or give the same
/// tensor. bias_grad += column sums of dx.
struct AddLayerNorm {
  at::Tensor z = {};                     ///< [M, H] act; forward: x in, z out; backward: z
  at::Tensor bias = {};                  ///< [H]; forward; may be undefined
  at::Tensor residual = {}, extra = {};  ///< [M, H] act; forward; may be undefined
  at::Tensor gamma = {}, beta = {};      ///< [H]
  double epsilon = 0.0;                  ///< inside the square root
  Dropout dropout = {};
  at::Tensor token_keys = {};
  at::Tensor y = {};                     ///< [M, H] act; forward: output
  at::Tensor mean = {}, rstd = {};       ///< [M] fp32; forward: outputs
  at::Tensor dy = {}, dz = {}, dx = {};  ///< [M, H] act; backward; dz is an output and may be dy
  at::Tensor gamma_grad = {}, beta_grad = {}, bias_grad = {};  ///< [H]; backward

  void fields(auto&& visit) {
    visit(z, bias, residual, extra, gamma, beta, dropout, token_keys, y, mean, rstd, dy, dz, dx,
          gamma_grad, beta_grad, bias_grad);
  }
};
void add_layer_norm_forward(AddLayerNorm& block);
void add_layer_norm_backward(AddLayerNorm& block);

/// Rows of text for attention: cu_seqlens [B+1] int32 (CPU kernels: on the CPU). Token numbers
/// count from cu_seqlens[0], so that a slice of rows works with the matching slice of tokens.
struct AttentionRows {
  at::Tensor cu_seqlens = {};
  int64_t max_seqlen = 0;
  at::Tensor token_keys = {};  ///< [M] int32
  /// Where outputs are wanted only of the first tokens of each row, at least one: row b's are
  /// numbers cu_queries[b] to cu_queries[b + 1] of the Q queries. Undefined: of all, Q is M.
  at::Tensor cu_queries = {};  ///< [B+1] int32, as cu_seqlens
  at::Tensor query_keys = {};  ///< [Q] int32: token_keys of the queries

  bool narrowed() const { return cu_queries.defined(); }
  void fields(auto&& visit) { visit(cu_seqlens, token_keys, cu_queries, query_keys); }
};

/// The heads of one multi-head self-attention: softmax(scale * q k^T), dropout on the
/// probabilities, times v. Views into a fused product are fine.
struct AttentionHeads {
  at::Tensor q = {}, k = {}, v = {};  ///< [Q, N*D], [M, N*D], [M, N*D] act
  int64_t num_heads = 0;
  double scale = 1.0;
  Dropout dropout = {};
  at::Tensor context = {};               ///< [Q, N*D] act; forward: output
  at::Tensor logsumexp = {};             ///< [Q, N] fp32; forward: output, kept for backward
  at::Tensor d_context = {};             ///< [Q, N*D] act; backward
  at::Tensor dq = {}, dk = {}, dv = {};  ///< as q, k, v; backward: outputs

  void fields(auto&& visit) { visit(q, k, v, dropout, context, logsumexp, d_context, dq, dk, dv); }
};

/// Each row of text on itself, with the heads of one attention, or with those of two which have
/// sizes and dropout of their own: on devices that join_attention() in one launch, on others one
/// after the other.
struct Attention {
  std::span<AttentionHeads> heads = {};
  AttentionRows rows = {};

  void fields(auto&& visit) { visit(heads, rows); }
};
void attention_forward(Attention& block);
void attention_backward(Attention& block);

/// Whether the device of x computes two attentions of x's type in one launch.
bool joins_attention(const at::Tensor& x);

/// Forward: out[m] = word[token_ids[m]] + position[position_ids[m]] + token_type[type_ids[m]].
/// Backward: adds out's rows, the gradient, to those of the tables, which are gradients.
struct Embedding {
  at::Tensor token_ids = {}, position_ids = {}, token_type_ids = {};  ///< [M] int32
  at::Tensor word = {}, position = {},
             token_type = {};  ///< [rows, H] fp32; backward: each may be undefined
  at::Tensor out = {};         ///< [M, H] act

  void fields(auto&& visit) {
    visit(token_ids, position_ids, token_type_ids, word, position, token_type, out);
  }
};
void embedding_forward(const Embedding& block);
void embedding_backward(const Embedding& block);

/// sum [F] fp32 += column sums of x [M, F] act.
struct ColumnSums {
  at::Tensor x = {}, sum = {};

  void fields(auto&& visit) { visit(x, sum); }
};
void add_column_sums(const at::Tensor& x, const at::Tensor& sum);

/// target [R, C] fp32 += x [R, C] act.
struct Accumulation {
  at::Tensor x = {}, target = {};

  void fields(auto&& visit) { visit(x, target); }
};
void accumulate(const at::Tensor& x, const at::Tensor& target);

/// scales[m] = largest |x| of row m / 127 (1 for a row of zeros), bytes = x / scales[m] rounded,
/// plus 128.
struct QuantizedRows {
  at::Tensor x = {};       ///< [M, K] act
  at::Tensor bytes = {};   ///< [M, K] uint8; output
  at::Tensor scales = {};  ///< [M] fp32; output

  void fields(auto&& visit) { visit(x, bytes, scales); }
};
void quantize_rows(QuantizedRows& block);

/// x = x * scales[m] + bias, in place.
struct ScaledRows {
  at::Tensor x = {};       ///< [M, N] act
  at::Tensor scales = {};  ///< [M] fp32
  at::Tensor bias = {};    ///< [N] fp32; may be undefined

  void fields(auto&& visit) { visit(x, scales, bias); }
};
void scale_rows(const ScaledRows& block);

/// Rows of a matrix with a dense layer of their own. Its weight [N, K] and bias [N] begin at these
/// elements of two buffers; without a bias nothing is added.
struct DenseGroup {
  int64_t first_row = 0, rows = 0;
  int64_t weight = 0;
  std::optional<int64_t> bias = {};
};

/// y = activation(x W^T + bias), each group with its own W and bias; rows of no group stay as they
/// are. Only where groups_dense(x).
struct GroupedDense {
  std::span<const DenseGroup> groups = {};
  at::Tensor weights = {}, biases = {};  ///< flat; of x's type, and fp32
  std::optional<Activation> activation = {};
  at::Tensor x = {}, y = {};  ///< [M, K] and [M, N] act, bf16 or fp16
  int64_t weight_stride = 0;  ///< from a row of W to the next; 0: K

  void fields(auto&& visit) { visit(weights, biases, x, y); }
};
void grouped_dense(const GroupedDense& block);
inline int64_t row_stride(const GroupedDense& block) {
  return block.weight_stride > 0 ? block.weight_stride : block.x.size(1);
}

/// Whether x's device has grouped_dense() for its type: one launch for what is a product, a bias
/// and an activation for each group elsewhere.
bool groups_dense(const at::Tensor& x);

/// BERTAdam (reference-system, section 4) over ranges of the flat fp32 buffers [P]: for each range
/// g *= min(1, max_grad_norm / (|g| + 1e-6)), m = beta1 m + (1 - beta1) g, v = beta2 v + (1 -
/// beta2) g², w -= lr (m / (sqrt(v) + epsilon) + decay w), no bias correction. Gradients are left
/// as they were.
struct BertAdam {
  std::span<const AdamRange> ranges = {};
  /// For work that is recorded, in place of `ranges`: packed_ranges() of at most `chunks` chunks,
  /// int64, flat, in the parameters' device's memory, read when the device comes to the step.
  at::Tensor packed_ranges = {};
  int64_t chunks = 0;
  float beta1 = 0.9F, beta2 = 0.999F, epsilon = 1e-6F, max_grad_norm = 1.0F;
  at::Tensor weights = {}, gradients = {}, first_moment = {}, second_moment = {};  ///< [P]
  /// Flat, bf16 or fp16, receives the rounded weights where the ranges say; may be undefined.
  at::Tensor shadow = {};
  /// [1] fp32, or undefined: where it is not 0 when the device comes to it, the step changes
  /// nothing (gradients in fp16 have overflowed).
  at::Tensor overflow = {};

  void fields(auto&& visit) {
    visit(packed_ranges, weights, gradients, first_moment, second_moment, shadow, overflow);
  }
};
void bert_adam(const BertAdam& block);

/// Throws c10::Error for ranges outside of the block's weights or shadow.
void check_ranges(const BertAdam& block, std::span<const AdamRange> ranges);

/// The instruction set that the CPU kernels run on: "avx512_bf16", "avx512", "avx2" or "generic".
/// The environment variable PALS_ISA lowers it (for tests and comparisons).
const char* cpu_isa();

}  // namespace pals

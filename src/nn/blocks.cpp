// Checks what callers pass, then hands each block to the kernels of its device.
#include "nn/blocks.h"

#include "nn/block_table.h"
#include "nn/profile.h"

namespace pals {
namespace {

void check_act(const at::Tensor& x, const char* name) {
  TORCH_CHECK(x.defined() && x.dim() == 2, name, ": want a matrix");
  TORCH_CHECK(x.stride(1) == 1 || x.size(1) <= 1, name, ": last dimension must have unit stride");
}

void check_like(const at::Tensor& x, const at::Tensor& model, const char* name) {
  check_act(x, name);
  TORCH_CHECK(x.sizes() == model.sizes(), name, ": want shape ", model.sizes(), ", got ",
              x.sizes());
  TORCH_CHECK(x.scalar_type() == model.scalar_type() && x.device() == model.device(), name,
              ": type or device differs from the other activations");
}

void check_like_if_defined(const at::Tensor& x, const at::Tensor& model, const char* name) {
  if (x.defined()) {
    check_like(x, model, name);
  }
}

/// A parameter, gradient or statistic of `size` values (undefined: allowed where `optional`).
void check_vector(const at::Tensor& x, int64_t size, const char* name, bool optional) {
  TORCH_CHECK(x.defined() || optional, name, ": undefined");
  if (x.defined()) {
    TORCH_CHECK(x.numel() == size && x.is_contiguous(), name, ": want ", size,
                " contiguous values, got ", x.sizes());
  }
}

void check_ids(const at::Tensor& ids, int64_t size, const char* name) {
  check_vector(ids, size, name, false);
  TORCH_CHECK(ids.scalar_type() == at::kInt, name, ": want int32");
}

void check_dropout(const Dropout& dropout, const at::Tensor& token_keys, int64_t tokens) {
  if (dropout.active()) {
    check_ids(token_keys, tokens, "token_keys");
  }
}

/// Outputs may come undefined: they are allocated then.
void provide(at::Tensor& output, const at::Tensor& model) {
  if (!output.defined()) {
    output = at::empty(model.sizes(), model.options());
  }
}

void provide_fp32(at::Tensor& output, at::IntArrayRef sizes, const at::Tensor& model) {
  if (!output.defined()) {
    output = at::empty(sizes, model.options().dtype(at::kFloat));
  }
}

void check_table(const at::Tensor& table, int64_t columns, const char* name) {
  TORCH_CHECK(table.dim() == 2 && table.size(1) == columns && table.is_contiguous(), name,
              ": want a contiguous table of ", columns, " columns, got ", table.sizes());
}

void check_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const AttentionRows& rows, int64_t num_heads, const Dropout& dropout) {
  check_act(q, "q");
  check_act(k, "k");
  check_like(v, k, "v");
  TORCH_CHECK(q.scalar_type() == k.scalar_type() && q.size(1) == k.size(1) &&
                  (rows.narrowed() || q.size(0) == k.size(0)),
              "attention: queries ", q.sizes(), " for keys ", k.sizes());
  TORCH_CHECK(num_heads > 0 && q.size(1) % num_heads == 0, "attention: ", q.size(1),
              " columns do not divide into ", num_heads, " heads");
  TORCH_CHECK(rows.cu_seqlens.dim() == 1 && rows.cu_seqlens.numel() >= 1,
              "cu_seqlens: want a vector of B + 1 values");
  check_ids(rows.cu_seqlens, rows.cu_seqlens.numel(), "cu_seqlens");
  if (rows.narrowed()) check_ids(rows.cu_queries, rows.cu_seqlens.numel(), "cu_queries");
  check_dropout(dropout, rows.narrowed() ? rows.query_keys : rows.token_keys, q.size(0));
  TORCH_CHECK(!dropout.active() || rows.max_seqlen <= kDropoutColumnsPerHead,
              "attention dropout: rows of at most ", kDropoutColumnsPerHead, " tokens");
}

void check_joint(const AttentionHeads& first, const AttentionHeads& second,
                 const AttentionRows& rows) {
  TORCH_CHECK(joins_attention(first.q), "joint attention: not for ", first.q.scalar_type(), " on ",
              first.q.device());
  for (const AttentionHeads* heads : {&first, &second}) {
    check_attention(heads->q, heads->k, heads->v, rows, heads->num_heads, heads->dropout);
    check_like(heads->context, heads->q, "context");
    check_vector(heads->logsumexp, heads->q.size(0) * heads->num_heads, "logsumexp", false);
  }
  TORCH_CHECK(first.q.size(0) == second.q.size(0) && first.k.size(0) == second.k.size(0) &&
                  first.q.scalar_type() == second.q.scalar_type() &&
                  first.q.device() == second.q.device(),
              "joint attention: ", first.q.sizes(), " beside ", second.q.sizes());
}

void check_optimizer(const BertAdamOptions& options, const at::Tensor& weights,
                     const at::Tensor& gradients, const at::Tensor& first_moment,
                     const at::Tensor& second_moment, const at::Tensor& shadow) {
  const int64_t size = weights.numel();
  check_vector(weights, size, "weights", false);
  check_vector(gradients, size, "gradients", false);
  check_vector(first_moment, size, "first moment", false);
  check_vector(second_moment, size, "second moment", false);
  check_vector(shadow, size, "shadow", true);
  TORCH_CHECK(!shadow.defined() || shadow.scalar_type() == at::kBFloat16 ||
                  shadow.scalar_type() == at::kHalf,
              "shadow: want bf16 or fp16");
  if (options.overflow != nullptr) check_vector(*options.overflow, 1, "overflow", false);
}

}  // namespace

void bias_activation_forward(Activation activation, at::Tensor& x, const at::Tensor& bias,
                             at::Tensor& y) {
  const BlockTimer timer(Block::kActivation);
  check_act(x, "x");
  check_vector(bias, x.size(1), "bias", false);
  provide(y, x);
  check_like(y, x, "y");
  block_table_for(x).bias_activation_forward(activation, x, bias, y);
}

void bias_activation_backward(Activation activation, const at::Tensor& dy, const at::Tensor& u,
                              at::Tensor& du, at::Tensor bias_grad) {
  const BlockTimer timer(Block::kActivation);
  check_act(u, "u");
  check_like(dy, u, "dy");
  provide(du, u);
  check_like(du, u, "du");
  check_vector(bias_grad, u.size(1), "bias_grad", true);
  block_table_for(u).bias_activation_backward(activation, dy, u, du, bias_grad);
}

void bias_dropout_forward(at::Tensor& x, const at::Tensor& bias, const Dropout& dropout,
                          const at::Tensor& token_keys) {
  const BlockTimer timer(Block::kDropout);
  check_act(x, "x");
  check_vector(bias, x.size(1), "bias", true);
  check_dropout(dropout, token_keys, x.size(0));
  block_table_for(x).bias_dropout_forward(x, bias, dropout, token_keys);
}

void bias_dropout_backward(const at::Tensor& dy, const Dropout& dropout,
                           const at::Tensor& token_keys, at::Tensor& dx, at::Tensor bias_grad) {
  const BlockTimer timer(Block::kDropout);
  check_act(dy, "dy");
  provide(dx, dy);
  check_like(dx, dy, "dx");
  check_vector(bias_grad, dy.size(1), "bias_grad", true);
  check_dropout(dropout, token_keys, dy.size(0));
  block_table_for(dy).bias_dropout_backward(dy, dropout, token_keys, dx, bias_grad);
}

void dropout_add_layer_norm_forward(at::Tensor& x, const at::Tensor& bias,
                                    const at::Tensor& residual, const at::Tensor& extra,
                                    const at::Tensor& gamma, const at::Tensor& beta, double epsilon,
                                    const Dropout& dropout, const at::Tensor& token_keys,
                                    at::Tensor& y, at::Tensor& mean, at::Tensor& rstd) {
  const BlockTimer timer(Block::kNormalisation);
  check_act(x, "x");
  check_vector(bias, x.size(1), "bias", true);
  check_like_if_defined(residual, x, "residual");
  check_like_if_defined(extra, x, "extra");
  check_vector(gamma, x.size(1), "gamma", false);
  check_vector(beta, x.size(1), "beta", false);
  check_dropout(dropout, token_keys, x.size(0));
  provide(y, x);
  provide_fp32(mean, {x.size(0)}, x);
  provide_fp32(rstd, {x.size(0)}, x);
  check_like(y, x, "y");
  check_vector(mean, x.size(0), "mean", false);
  check_vector(rstd, x.size(0), "rstd", false);
  block_table_for(x).dropout_add_layer_norm_forward(x, bias, residual, extra, gamma, beta, epsilon,
                                                    dropout, token_keys, y, mean, rstd);
}

void dropout_add_layer_norm_backward(const at::Tensor& dy, const at::Tensor& z,
                                     const at::Tensor& mean, const at::Tensor& rstd,
                                     const at::Tensor& gamma, const Dropout& dropout,
                                     const at::Tensor& token_keys, at::Tensor& dz, at::Tensor& dx,
                                     at::Tensor gamma_grad, at::Tensor beta_grad,
                                     at::Tensor bias_grad) {
  const BlockTimer timer(Block::kNormalisation);
  check_act(z, "z");
  check_like(dy, z, "dy");
  check_vector(mean, z.size(0), "mean", false);
  check_vector(rstd, z.size(0), "rstd", false);
  check_vector(gamma, z.size(1), "gamma", false);
  check_dropout(dropout, token_keys, z.size(0));
  provide(dz, z);
  check_like(dz, z, "dz");
  check_like_if_defined(dx, z, "dx");
  TORCH_CHECK(!dropout.active() || !dx.defined() || !dx.is_alias_of(dz) ||
                  dx.const_data_ptr() != dz.const_data_ptr(),
              "dx must not be dz where dropout is active");
  check_vector(gamma_grad, z.size(1), "gamma_grad", true);
  check_vector(beta_grad, z.size(1), "beta_grad", true);
  check_vector(bias_grad, z.size(1), "bias_grad", true);
  block_table_for(z).dropout_add_layer_norm_backward(dy, z, mean, rstd, gamma, dropout, token_keys,
                                                     dz, dx, gamma_grad, beta_grad, bias_grad);
}

void attention_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const AttentionRows& rows, int64_t num_heads, double scale,
                       const Dropout& dropout, at::Tensor& context, at::Tensor& logsumexp) {
  const BlockTimer timer(Block::kAttention);
  check_attention(q, k, v, rows, num_heads, dropout);
  provide(context, q);
  provide_fp32(logsumexp, {q.size(0), num_heads}, q);
  check_like(context, q, "context");
  check_vector(logsumexp, q.size(0) * num_heads, "logsumexp", false);
  block_table_for(q).attention_forward(q, k, v, rows, num_heads, scale, dropout, context,
                                       logsumexp);
}

void attention_backward(const at::Tensor& d_context, const at::Tensor& q, const at::Tensor& k,
                        const at::Tensor& v, const at::Tensor& context, const at::Tensor& logsumexp,
                        const AttentionRows& rows, int64_t num_heads, double scale,
                        const Dropout& dropout, at::Tensor& dq, at::Tensor& dk, at::Tensor& dv) {
  const BlockTimer timer(Block::kAttention);
  check_attention(q, k, v, rows, num_heads, dropout);
  check_like(d_context, q, "d_context");
  check_vector(logsumexp, q.size(0) * num_heads, "logsumexp", false);
  provide(dq, q);
  check_like(dq, q, "dq");
  for (at::Tensor* output : {&dk, &dv}) {
    provide(*output, k);
    check_like(*output, k, "dk, dv");
  }
  block_table_for(q).attention_backward(d_context, q, k, v, context, logsumexp, rows, num_heads,
                                        scale, dropout, dq, dk, dv);
}

bool joins_attention(const at::Tensor& x) {
  return x.element_size() == 2 && block_table_for(x).joint_attention_forward != nullptr;
}

void joint_attention_forward(AttentionHeads& first, AttentionHeads& second,
                             const AttentionRows& rows) {
  const BlockTimer timer(Block::kAttention);
  check_joint(first, second, rows);
  block_table_for(first.q).joint_attention_forward(first, second, rows);
}

void joint_attention_backward(AttentionHeads& first, AttentionHeads& second,
                              const AttentionRows& rows) {
  const BlockTimer timer(Block::kAttention);
  check_joint(first, second, rows);
  for (const AttentionHeads* heads : {&first, &second}) {
    check_like(heads->d_context, heads->q, "d_context");
    check_like(heads->dq, heads->q, "dq");
    check_like(heads->dk, heads->k, "dk");
    check_like(heads->dv, heads->k, "dv");
  }
  block_table_for(first.q).joint_attention_backward(first, second, rows);
}

void embedding_forward(const at::Tensor& token_ids, const at::Tensor& position_ids,
                       const at::Tensor& token_type_ids, const at::Tensor& word,
                       const at::Tensor& position, const at::Tensor& token_type, at::Tensor& out) {
  const BlockTimer timer(Block::kEmbeddings);
  check_act(out, "out");
  check_ids(token_ids, out.size(0), "token_ids");
  check_ids(position_ids, out.size(0), "position_ids");
  check_ids(token_type_ids, out.size(0), "token_type_ids");
  check_table(word, out.size(1), "word embeddings");
  check_table(position, out.size(1), "position embeddings");
  check_table(token_type, out.size(1), "token type embeddings");
  block_table_for(out).embedding_forward(token_ids, position_ids, token_type_ids, word, position,
                                         token_type, out);
}

void embedding_backward(const at::Tensor& d_out, const at::Tensor& token_ids,
                        const at::Tensor& position_ids, const at::Tensor& token_type_ids,
                        at::Tensor word_grad, at::Tensor position_grad,
                        at::Tensor token_type_grad) {
  const BlockTimer timer(Block::kEmbeddings);
  check_act(d_out, "d_out");
  check_ids(token_ids, d_out.size(0), "token_ids");
  check_ids(position_ids, d_out.size(0), "position_ids");
  check_ids(token_type_ids, d_out.size(0), "token_type_ids");
  for (const at::Tensor* table : {&word_grad, &position_grad, &token_type_grad}) {
    if (table->defined()) {
      check_table(*table, d_out.size(1), "embedding gradient");
    }
  }
  block_table_for(d_out).embedding_backward(d_out, token_ids, position_ids, token_type_ids,
                                            word_grad, position_grad, token_type_grad);
}

void add_column_sums(const at::Tensor& x, at::Tensor sum) {
  const BlockTimer timer(Block::kGradientSums);
  check_act(x, "x");
  check_vector(sum, x.size(1), "sum", false);
  block_table_for(x).add_column_sums(x, sum);
}

void accumulate(const at::Tensor& x, at::Tensor target) {
  const BlockTimer timer(Block::kGradientSums);
  check_act(x, "x");
  check_act(target, "target");
  TORCH_CHECK(x.sizes() == target.sizes(), "accumulate: ", x.sizes(), " into ", target.sizes());
  block_table_for(x).accumulate(x, target);
}

void quantize_rows(const at::Tensor& x, at::Tensor& bytes, at::Tensor& scales) {
  check_act(x, "x");
  TORCH_CHECK(x.size(1) > 0, "quantize_rows: rows without columns");
  if (!bytes.defined()) bytes = at::empty(x.sizes(), x.options().dtype(at::kByte));
  TORCH_CHECK(
      bytes.sizes() == x.sizes() && bytes.is_contiguous() && bytes.scalar_type() == at::kByte,
      "bytes: want contiguous uint8 ", x.sizes(), ", got ", bytes.sizes());
  provide_fp32(scales, {x.size(0)}, x);
  check_vector(scales, x.size(0), "scales", false);
  block_table_for(x).quantize_rows(x, bytes, scales);
}

void scale_rows(at::Tensor& x, const at::Tensor& scales, const at::Tensor& bias) {
  check_act(x, "x");
  check_vector(scales, x.size(0), "scales", false);
  check_vector(bias, x.size(1), "bias", true);
  block_table_for(x).scale_rows(x, scales, bias);
}

bool groups_dense(const at::Tensor& x) {
  return x.element_size() == 2 && block_table_for(x).grouped_dense_forward != nullptr;
}

void grouped_dense_forward(const std::vector<DenseGroup>& groups, const at::Tensor& weights,
                           const at::Tensor& biases, std::optional<Activation> activation,
                           const at::Tensor& x, at::Tensor& y) {
  check_act(x, "x");
  check_act(y, "y");
  TORCH_CHECK(groups_dense(x), "grouped products: not for ", x.scalar_type(), " on ", x.device());
  TORCH_CHECK(y.size(0) == x.size(0) && y.scalar_type() == x.scalar_type() &&
                  weights.scalar_type() == x.scalar_type() && biases.scalar_type() == at::kFloat,
              "grouped products: ", x.sizes(), " to ", y.sizes(), ", or their types");
  check_vector(weights, weights.numel(), "weights", false);
  check_vector(biases, biases.numel(), "biases", false);
  const int64_t columns = y.size(1), size = columns * x.size(1);
  for (const DenseGroup& group : groups) {
    TORCH_CHECK(
        group.first_row >= 0 && group.rows >= 0 && group.first_row + group.rows <= x.size(0),
        "grouped products: rows ", group.first_row, " + ", group.rows, " of ", x.size(0));
    TORCH_CHECK(group.weight >= 0 && group.weight + size <= weights.numel() &&
                    (!group.bias || (*group.bias >= 0 && *group.bias + columns <= biases.numel())),
                "grouped products: parameters beyond their buffers");
  }
  block_table_for(x).grouped_dense_forward(groups, weights, biases, activation, x, y);
}

void bert_adam_step(const std::vector<AdamRange>& ranges, const BertAdamOptions& options,
                    at::Tensor weights, const at::Tensor& gradients, at::Tensor first_moment,
                    at::Tensor second_moment, at::Tensor shadow) {
  const BlockTimer timer(Block::kOptimizer);
  check_optimizer(options, weights, gradients, first_moment, second_moment, shadow);
  const int64_t size = weights.numel();
  for (const AdamRange& range : ranges) {
    TORCH_CHECK(range.offset >= 0 && range.numel >= 0 && range.offset <= size - range.numel,
                "optimizer range out of bounds: ", range.offset, " + ", range.numel, " of ", size);
  }
  block_table_for(weights).bert_adam_step(ranges, options, weights, gradients, first_moment,
                                          second_moment, shadow);
}

void bert_adam_table_step(const at::Tensor& table, int64_t chunks, const BertAdamOptions& options,
                          at::Tensor weights, const at::Tensor& gradients, at::Tensor first_moment,
                          at::Tensor second_moment, at::Tensor shadow) {
  const BlockTimer timer(Block::kOptimizer);
  check_optimizer(options, weights, gradients, first_moment, second_moment, shadow);
  TORCH_CHECK(table.scalar_type() == at::kLong && table.is_contiguous() && table.dim() == 1 &&
                  table.numel() % kAdamRowWords == 0,
              "optimizer table: want rows of ", kAdamRowWords, " int64, got ", table.sizes());
  block_table_for(weights).bert_adam_table_step(table, chunks, options, weights, gradients,
                                                first_moment, second_moment, shadow);
}

}  // namespace pals

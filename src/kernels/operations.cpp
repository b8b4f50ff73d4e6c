// Checks each block, provides its outputs and hands it to the backend of its device.
#include "kernels/operations.h"

#include "base/device_rows.h"
#include "kernels/backend.h"
#include "kernels/profile.h"

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
    output = empty_activation(model.sizes(), model.options());
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

void check_attention(const AttentionHeads& heads, const AttentionRows& rows) {
  const at::Tensor &q = heads.q, &k = heads.k;
  check_act(q, "q");
  check_act(k, "k");
  check_like(heads.v, k, "v");
  TORCH_CHECK(q.scalar_type() == k.scalar_type() && q.size(1) == k.size(1) &&
                  (rows.narrowed() || q.size(0) == k.size(0)),
              "attention: queries ", q.sizes(), " for keys ", k.sizes());
  TORCH_CHECK(heads.num_heads > 0 && q.size(1) % heads.num_heads == 0, "attention: ", q.size(1),
              " columns do not divide into ", heads.num_heads, " heads");
  check_dropout(heads.dropout, rows.narrowed() ? rows.query_keys : rows.token_keys, q.size(0));
  TORCH_CHECK(!heads.dropout.active() || rows.max_seqlen <= kDropoutColumnsPerHead,
              "attention dropout: rows of at most ", kDropoutColumnsPerHead, " tokens");
}

void check_rows(const AttentionRows& rows) {
  TORCH_CHECK(rows.cu_seqlens.dim() == 1 && rows.cu_seqlens.numel() >= 1,
              "cu_seqlens: want a vector of B + 1 values");
  check_ids(rows.cu_seqlens, rows.cu_seqlens.numel(), "cu_seqlens");
  if (rows.narrowed()) check_ids(rows.cu_queries, rows.cu_seqlens.numel(), "cu_queries");
}

/// All heads, each with the tensors of its own `check`; they read the same tokens.
template <typename Check>
void check_attentions(const Attention& block, const Check& check) {
  TORCH_CHECK(!block.heads.empty() && block.heads.size() <= 2, "attention: want one or two, got ",
              block.heads.size());
  check_rows(block.rows);
  const AttentionHeads& first = block.heads.front();
  for (AttentionHeads& heads : block.heads) {
    check_attention(heads, block.rows);
    check(heads);
    check_vector(heads.logsumexp, heads.q.size(0) * heads.num_heads, "logsumexp", false);
    TORCH_CHECK(first.q.size(0) == heads.q.size(0) && first.k.size(0) == heads.k.size(0) &&
                    first.q.scalar_type() == heads.q.scalar_type() &&
                    first.q.device() == heads.q.device(),
                "attention: ", first.q.sizes(), " beside ", heads.q.sizes());
  }
}

void check_optimizer(const BertAdam& block) {
  const int64_t size = block.weights.numel();
  check_vector(block.weights, size, "weights", false);
  check_vector(block.gradients, size, "gradients", false);
  check_vector(block.first_moment, size, "first moment", false);
  check_vector(block.second_moment, size, "second moment", false);
  TORCH_CHECK(!block.shadow.defined() || ((block.shadow.scalar_type() == at::kBFloat16 ||
                                           block.shadow.scalar_type() == at::kHalf) &&
                                          block.shadow.dim() == 1 && block.shadow.is_contiguous()),
              "shadow: want it flat, bf16 or fp16");
  check_vector(block.overflow, 1, "overflow", true);
}

}  // namespace

at::Tensor empty_activation(at::IntArrayRef sizes, const at::TensorOptions& options) {
  const bool pads =
      options.device().type() != at::kCPU && sizes.size() == 2 && options.dtype().itemsize() == 2;
  if (!pads) return at::empty(sizes, options);
  return at::empty({sizes[0], device_row(sizes[1])}, options).narrow(1, 0, sizes[1]);
}

void bias_activation_forward(BiasActivation& block) {
  const BlockTimer timer(Block::kActivation);
  check_act(block.u, "x");
  check_vector(block.bias, block.u.size(1), "bias", false);
  provide(block.y, block.u);
  check_like(block.y, block.u, "y");
  backend_for(block.u).bias_activation_forward(block);
}

void bias_activation_backward(BiasActivation& block) {
  const BlockTimer timer(Block::kActivation);
  check_act(block.u, "u");
  check_like(block.dy, block.u, "dy");
  provide(block.du, block.u);
  check_like(block.du, block.u, "du");
  check_vector(block.bias_grad, block.u.size(1), "bias_grad", true);
  backend_for(block.u).bias_activation_backward(block);
}

void bias_dropout_forward(const BiasDropout& block) {
  const BlockTimer timer(Block::kDropout);
  check_act(block.x, "x");
  check_vector(block.bias, block.x.size(1), "bias", true);
  check_dropout(block.dropout, block.token_keys, block.x.size(0));
  backend_for(block.x).bias_dropout_forward(block);
}

void bias_dropout_backward(BiasDropout& block) {
  const BlockTimer timer(Block::kDropout);
  const at::Tensor& dy = block.dy;
  check_act(dy, "dy");
  provide(block.dx, dy);
  check_like(block.dx, dy, "dx");
  check_vector(block.bias_grad, dy.size(1), "bias_grad", true);
  check_dropout(block.dropout, block.token_keys, dy.size(0));
  backend_for(dy).bias_dropout_backward(block);
}

void add_layer_norm_forward(AddLayerNorm& block) {
  const BlockTimer timer(Block::kNormalisation);
  const at::Tensor& x = block.z;
  check_act(x, "x");
  check_vector(block.bias, x.size(1), "bias", true);
  check_like_if_defined(block.residual, x, "residual");
  check_like_if_defined(block.extra, x, "extra");
  check_vector(block.gamma, x.size(1), "gamma", false);
  check_vector(block.beta, x.size(1), "beta", false);
  check_dropout(block.dropout, block.token_keys, x.size(0));
  provide(block.y, x);
  provide_fp32(block.mean, {x.size(0)}, x);
  provide_fp32(block.rstd, {x.size(0)}, x);
  check_like(block.y, x, "y");
  check_vector(block.mean, x.size(0), "mean", false);
  check_vector(block.rstd, x.size(0), "rstd", false);
  backend_for(x).add_layer_norm_forward(block);
}

void add_layer_norm_backward(AddLayerNorm& block) {
  const BlockTimer timer(Block::kNormalisation);
  const at::Tensor &z = block.z, &dx = block.dx;
  const Dropout& dropout = block.dropout;
  check_act(z, "z");
  check_like(block.dy, z, "dy");
  check_vector(block.mean, z.size(0), "mean", false);
  check_vector(block.rstd, z.size(0), "rstd", false);
  check_vector(block.gamma, z.size(1), "gamma", false);
  check_dropout(dropout, block.token_keys, z.size(0));
  provide(block.dz, z);
  check_like(block.dz, z, "dz");
  check_like_if_defined(dx, z, "dx");
  TORCH_CHECK(!dropout.active() || !dx.defined() || !dx.is_alias_of(block.dz) ||
                  dx.const_data_ptr() != block.dz.const_data_ptr(),
              "dx must not be dz where dropout is active");
  check_vector(block.gamma_grad, z.size(1), "gamma_grad", true);
  check_vector(block.beta_grad, z.size(1), "beta_grad", true);
  check_vector(block.bias_grad, z.size(1), "bias_grad", true);
  backend_for(z).add_layer_norm_backward(block);
}

void attention_forward(Attention& block) {
  const BlockTimer timer(Block::kAttention);
  check_attentions(block, [](AttentionHeads& heads) {
    provide(heads.context, heads.q);
    provide_fp32(heads.logsumexp, {heads.q.size(0), heads.num_heads}, heads.q);
    check_like(heads.context, heads.q, "context");
  });
  backend_for(block.heads.front().q).attention_forward(block);
}

void attention_backward(Attention& block) {
  const BlockTimer timer(Block::kAttention);
  check_attentions(block, [](AttentionHeads& heads) {
    check_like(heads.d_context, heads.q, "d_context");
    provide(heads.dq, heads.q);
    check_like(heads.dq, heads.q, "dq");
    for (at::Tensor* output : {&heads.dk, &heads.dv}) {
      provide(*output, heads.k);
      check_like(*output, heads.k, "dk, dv");
    }
  });
  backend_for(block.heads.front().q).attention_backward(block);
}

bool joins_attention(const at::Tensor& x) {
  return x.element_size() == 2 && backend_for(x).joins_attention;
}

void embedding_forward(const Embedding& block) {
  const BlockTimer timer(Block::kEmbeddings);
  const at::Tensor& out = block.out;
  check_act(out, "out");
  check_ids(block.token_ids, out.size(0), "token_ids");
  check_ids(block.position_ids, out.size(0), "position_ids");
  check_ids(block.token_type_ids, out.size(0), "token_type_ids");
  check_table(block.word, out.size(1), "word embeddings");
  check_table(block.position, out.size(1), "position embeddings");
  check_table(block.token_type, out.size(1), "token type embeddings");
  backend_for(out).embedding_forward(block);
}

void embedding_backward(const Embedding& block) {
  const BlockTimer timer(Block::kEmbeddings);
  const at::Tensor& d_out = block.out;
  check_act(d_out, "d_out");
  check_ids(block.token_ids, d_out.size(0), "token_ids");
  check_ids(block.position_ids, d_out.size(0), "position_ids");
  check_ids(block.token_type_ids, d_out.size(0), "token_type_ids");
  for (const at::Tensor* table : {&block.word, &block.position, &block.token_type}) {
    if (table->defined()) check_table(*table, d_out.size(1), "embedding gradient");
  }
  backend_for(d_out).embedding_backward(block);
}

void add_column_sums(const at::Tensor& x, const at::Tensor& sum) {
  const BlockTimer timer(Block::kGradientSums);
  check_act(x, "x");
  check_vector(sum, x.size(1), "sum", false);
  backend_for(x).add_column_sums({x, sum});
}

void accumulate(const at::Tensor& x, const at::Tensor& target) {
  const BlockTimer timer(Block::kGradientSums);
  check_act(x, "x");
  check_act(target, "target");
  TORCH_CHECK(x.sizes() == target.sizes(), "accumulate: ", x.sizes(), " into ", target.sizes());
  backend_for(x).accumulate({x, target});
}

void quantize_rows(QuantizedRows& block) {
  const auto& [x, bytes, scales] = block;
  check_act(x, "x");
  TORCH_CHECK(x.size(1) > 0, "quantize_rows: rows without columns");
  if (!bytes.defined()) block.bytes = at::empty(x.sizes(), x.options().dtype(at::kByte));
  TORCH_CHECK(
      bytes.sizes() == x.sizes() && bytes.is_contiguous() && bytes.scalar_type() == at::kByte,
      "bytes: want contiguous uint8 ", x.sizes(), ", got ", bytes.sizes());
  provide_fp32(block.scales, {x.size(0)}, x);
  check_vector(scales, x.size(0), "scales", false);
  backend_for(x).quantize_rows(block);
}

void scale_rows(const ScaledRows& block) {
  check_act(block.x, "x");
  check_vector(block.scales, block.x.size(0), "scales", false);
  check_vector(block.bias, block.x.size(1), "bias", true);
  backend_for(block.x).scale_rows(block);
}

bool groups_dense(const at::Tensor& x) {
  return x.element_size() == 2 && backend_for(x).groups_dense;
}

void grouped_dense(const GroupedDense& block) {
  const auto& [groups, weights, biases, activation, x, y, weight_stride] = block;
  check_act(x, "x");
  check_act(y, "y");
  TORCH_CHECK(groups_dense(x), "grouped products: not for ", x.scalar_type(), " on ", x.device());
  TORCH_CHECK(y.size(0) == x.size(0) && y.scalar_type() == x.scalar_type() &&
                  weights.scalar_type() == x.scalar_type() && biases.scalar_type() == at::kFloat,
              "grouped products: ", x.sizes(), " to ", y.sizes(), ", or their types");
  check_vector(weights, weights.numel(), "weights", false);
  check_vector(biases, biases.numel(), "biases", false);
  const int64_t columns = y.size(1), stride = row_stride(block), size = columns * stride;
  TORCH_CHECK(stride >= x.size(1), "grouped products: rows of ", x.size(1), " every ", stride);
  for (const DenseGroup& group : groups) {
    TORCH_CHECK(
        group.first_row >= 0 && group.rows >= 0 && group.first_row + group.rows <= x.size(0),
        "grouped products: rows ", group.first_row, " + ", group.rows, " of ", x.size(0));
    TORCH_CHECK(group.weight >= 0 && group.weight + size <= weights.numel() &&
                    (!group.bias || (*group.bias >= 0 && *group.bias + columns <= biases.numel())),
                "grouped products: parameters beyond their buffers");
  }
  backend_for(x).grouped_dense(block);
}

void check_ranges(const BertAdam& block, std::span<const AdamRange> ranges) {
  const int64_t size = block.weights.numel();
  for (const AdamRange& range : ranges) {
    TORCH_CHECK(range.offset >= 0 && range.numel >= 0 && range.offset <= size - range.numel,
                "optimizer range out of bounds: ", range.offset, " + ", range.numel, " of ", size);
    if (!block.shadow.defined()) continue;
    TORCH_CHECK(range.columns == 0 || (range.columns > 0 && range.numel % range.columns == 0 &&
                                       range.shadow_stride >= range.columns),
                "optimizer range: ", range.numel, " as rows of ", range.columns);
    const int64_t begin = range.offset + range.shadow_shift;
    const int64_t length =
        range.columns == 0 ? range.numel : range.numel / range.columns * range.shadow_stride;
    TORCH_CHECK(begin >= 0 && begin <= block.shadow.numel() - length,
                "optimizer range out of the shadow's bounds: ", begin, " + ", length, " of ",
                block.shadow.numel());
  }
}

void bert_adam(const BertAdam& block) {
  const BlockTimer timer(Block::kOptimizer);
  check_optimizer(block);
  check_ranges(block, block.ranges);
  if (block.packed_ranges.defined()) {
    const at::Tensor& packed = block.packed_ranges;
    TORCH_CHECK(block.ranges.empty() && packed.scalar_type() == at::kLong &&
                    packed.is_contiguous() && packed.dim() == 1 &&
                    packed.numel() % kPackedRangeWords == 0,
                "packed ranges: want ", kPackedRangeWords, " int64 each, got ", packed.sizes());
  }
  backend_for(block.weights).bert_adam(block);
}

}  // namespace pals

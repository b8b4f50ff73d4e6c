#include "nn/cuda/blocks_cuda.h"

#include <cstring>

#include "nn/blocks_plain.h"
#include "nn/cpu_support.h"

namespace pals::cuda {
namespace {

using cpu::dropout_args;
using cpu::floats;
using cpu::matrix;

Type type_of(const at::Tensor& x) {
  switch (x.scalar_type()) {
    case at::kFloat:
      return Type::kFloat;
    case at::kBFloat16:
      return Type::kBFloat16;
    case at::kHalf:
      return Type::kHalf;
    default:
      TORCH_CHECK(false, "blocks on CUDA kernels: want fp32, bf16 or fp16, got ", x.scalar_type());
  }
}

/// Scratch memory beside x; it may be given away again as soon as the kernels are launched, since
/// its next owner's come after them on the stream.
at::Tensor workspace_for(const at::Tensor& x, int64_t floats_wanted) {
  return at::empty({floats_wanted}, x.options().dtype(at::kFloat));
}

/// For `sums` column sums of x; empty where they are not wanted.
at::Tensor sums_workspace(const at::Tensor& x, const at::Tensor& wanted) {
  return workspace_for(x, wanted.defined() ? column_sum_workspace(x.size(0), x.size(1), 1) : 0);
}

float* data_of(const at::Tensor& workspace) { return workspace.mutable_data_ptr<float>(); }

void bias_activation_forward(Activation activation, at::Tensor& x, const at::Tensor& bias,
                             at::Tensor& y) {
  isa::BiasActivationArgs args;
  args.kind = static_cast<isa::ActivationKind>(activation);
  args.columns = x.size(1);
  args.x = matrix(x);
  args.y = matrix(y);
  args.bias = floats(bias);
  on_device(x, "bias_activation_forward", [&](Stream stream) {
    cuda::bias_activation_forward(type_of(x), args, x.size(0), stream);
  });
}

void bias_activation_backward(Activation activation, const at::Tensor& dy, const at::Tensor& u,
                              at::Tensor& du, at::Tensor bias_grad) {
  isa::BiasActivationArgs args;
  args.kind = static_cast<isa::ActivationKind>(activation);
  args.columns = u.size(1);
  args.x = matrix(u);
  args.dy = matrix(dy);
  args.y = matrix(du);
  const at::Tensor workspace = sums_workspace(u, bias_grad);
  on_device(u, "bias_activation_backward", [&](Stream stream) {
    cuda::bias_activation_backward(type_of(u), args, u.size(0), floats(bias_grad),
                                   data_of(workspace), stream);
  });
}

void bias_dropout_forward(at::Tensor& x, const at::Tensor& bias, const Dropout& dropout,
                          const at::Tensor& token_keys) {
  if (!bias.defined() && !dropout.active()) return;
  isa::BiasDropoutArgs args;
  args.columns = x.size(1);
  args.x = matrix(x);
  args.bias = floats(bias);
  args.dropout = dropout_args(dropout, token_keys);
  on_device(x, "bias_dropout_forward", [&](Stream stream) {
    cuda::bias_dropout_forward(type_of(x), args, x.size(0), stream);
  });
}

void bias_dropout_backward(const at::Tensor& dy, const Dropout& dropout,
                           const at::Tensor& token_keys, at::Tensor& dx, at::Tensor bias_grad) {
  isa::BiasDropoutArgs args;
  args.columns = dy.size(1);
  args.x = matrix(dy);
  args.y = matrix(dx);
  args.dropout = dropout_args(dropout, token_keys);
  const at::Tensor workspace = sums_workspace(dy, bias_grad);
  on_device(dy, "bias_dropout_backward", [&](Stream stream) {
    cuda::bias_dropout_backward(type_of(dy), args, dy.size(0), floats(bias_grad),
                                data_of(workspace), stream);
  });
}

void dropout_add_layer_norm_forward(at::Tensor& x, const at::Tensor& bias,
                                    const at::Tensor& residual, const at::Tensor& extra,
                                    const at::Tensor& gamma, const at::Tensor& beta, double epsilon,
                                    const Dropout& dropout, const at::Tensor& token_keys,
                                    at::Tensor& y, at::Tensor& mean, at::Tensor& rstd) {
  isa::LayerNormArgs args;
  args.columns = x.size(1);
  args.x = matrix(x);
  args.residual = matrix(residual);
  args.extra = matrix(extra);
  args.y = matrix(y);
  args.bias = floats(bias);
  args.gamma = floats(gamma);
  args.beta = floats(beta);
  args.mean = floats(mean);
  args.rstd = floats(rstd);
  args.epsilon = static_cast<float>(epsilon);
  args.dropout = dropout_args(dropout, token_keys);
  on_device(x, "dropout_add_layer_norm_forward",
            [&](Stream stream) { layer_norm_forward(type_of(x), args, x.size(0), stream); });
}

void dropout_add_layer_norm_backward(const at::Tensor& dy, const at::Tensor& z,
                                     const at::Tensor& mean, const at::Tensor& rstd,
                                     const at::Tensor& gamma, const Dropout& dropout,
                                     const at::Tensor& token_keys, at::Tensor& dz, at::Tensor& dx,
                                     at::Tensor gamma_grad, at::Tensor beta_grad,
                                     at::Tensor bias_grad) {
  isa::LayerNormArgs args;
  args.columns = z.size(1);
  args.x = matrix(z);
  args.dy = matrix(dy);
  args.dz = matrix(dz);
  args.dx = matrix(dx);
  args.gamma = floats(gamma);
  args.mean = floats(mean);
  args.rstd = floats(rstd);
  args.dropout = dropout_args(dropout, token_keys);
  const at::Tensor workspace = workspace_for(z, layer_norm_workspace(z.size(0), z.size(1)));
  on_device(z, "dropout_add_layer_norm_backward", [&](Stream stream) {
    layer_norm_backward(type_of(z), args, z.size(0),
                        {floats(gamma_grad), floats(beta_grad), floats(bias_grad)},
                        data_of(workspace), stream);
  });
}

isa::AttentionArgs attention_args(const AttentionHeads& heads, const AttentionRows& rows) {
  isa::AttentionArgs args;
  args.q = matrix(heads.q);
  args.k = matrix(heads.k);
  args.v = matrix(heads.v);
  args.context = matrix(heads.context);
  args.cu_seqlens = rows.cu_seqlens.const_data_ptr<int32_t>();
  args.cu_queries = rows.narrowed() ? rows.cu_queries.const_data_ptr<int32_t>() : args.cu_seqlens;
  args.logsumexp = floats(heads.logsumexp);
  args.num_heads = heads.num_heads;
  args.head_size = heads.q.size(1) / heads.num_heads;
  args.scale = static_cast<float>(heads.scale);
  args.dropout = dropout_args(heads.dropout, rows.narrowed() ? rows.query_keys : rows.token_keys);
  args.d_context = matrix(heads.d_context);
  args.dq = matrix(heads.dq);
  args.dk = matrix(heads.dk);
  args.dv = matrix(heads.dv);
  return args;
}

AttentionSize size_of(const AttentionRows& rows) {
  return {rows.cu_seqlens.numel() - 1, rows.max_seqlen};
}

/// For the kernels.
bool too_large(const AttentionHeads& heads) {
  return heads.q.size(1) / heads.num_heads > kLargestHead;
}

enum class Direction { kForward, kBackward };

/// The attention of one, or of two in one launch.
void attend(Direction direction, std::initializer_list<const AttentionHeads*> all,
            const AttentionRows& rows) {
  const at::Tensor& q = (*all.begin())->q;
  const bool backward = direction == Direction::kBackward;
  AttentionGroups groups;
  groups.count = 0;
  std::vector<at::Tensor> workspaces;
  for (const AttentionHeads* heads : all) {
    groups.args[groups.count] = attention_args(*heads, rows);
    if (backward) {
      workspaces.push_back(workspace_for(heads->q, heads->q.size(0) * heads->num_heads));
      groups.row_dots[groups.count] = data_of(workspaces.back());
    }
    ++groups.count;
  }
  on_device(q, backward ? "attention_backward" : "attention_forward", [&](Stream stream) {
    if (backward) {
      cuda::attention_backward(type_of(q), groups, size_of(rows), stream);
    } else {
      cuda::attention_forward(type_of(q), groups, size_of(rows), stream);
    }
  });
}

/// Heads that no kernel takes are left to the plain version, which waits for the device.
void attend_alone(Direction direction, AttentionHeads& heads, const AttentionRows& rows) {
  if (!too_large(heads)) {
    attend(direction, {&heads}, rows);
  } else if (direction == Direction::kForward) {
    plain::attention_forward(heads.q, heads.k, heads.v, rows, heads.num_heads, heads.scale,
                             heads.dropout, heads.context, heads.logsumexp);
  } else {
    plain::attention_backward(heads.d_context, heads.q, heads.k, heads.v, heads.context,
                              heads.logsumexp, rows, heads.num_heads, heads.scale, heads.dropout,
                              heads.dq, heads.dk, heads.dv);
  }
}

void attention_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                       const AttentionRows& rows, int64_t num_heads, double scale,
                       const Dropout& dropout, at::Tensor& context, at::Tensor& logsumexp) {
  AttentionHeads heads = {q, k, v, num_heads, scale, dropout, context, logsumexp, {}, {}, {}, {}};
  attend_alone(Direction::kForward, heads, rows);
}

void attention_backward(const at::Tensor& d_context, const at::Tensor& q, const at::Tensor& k,
                        const at::Tensor& v, const at::Tensor& context, const at::Tensor& logsumexp,
                        const AttentionRows& rows, int64_t num_heads, double scale,
                        const Dropout& dropout, at::Tensor& dq, at::Tensor& dk, at::Tensor& dv) {
  AttentionHeads heads = {q,       k,         v,         num_heads, scale, dropout,
                          context, logsumexp, d_context, dq,        dk,    dv};
  attend_alone(Direction::kBackward, heads, rows);
}

void attend_together(Direction direction, AttentionHeads& first, AttentionHeads& second,
                     const AttentionRows& rows) {
  if (!too_large(first) && !too_large(second)) return attend(direction, {&first, &second}, rows);
  attend_alone(direction, first, rows);
  attend_alone(direction, second, rows);
}

void joint_attention_forward(AttentionHeads& first, AttentionHeads& second,
                             const AttentionRows& rows) {
  attend_together(Direction::kForward, first, second, rows);
}

void joint_attention_backward(AttentionHeads& first, AttentionHeads& second,
                              const AttentionRows& rows) {
  attend_together(Direction::kBackward, first, second, rows);
}

int64_t rows_of(const at::Tensor& table) { return table.defined() ? table.size(0) : 0; }

isa::EmbeddingArgs embedding_args(const at::Tensor& token_ids, const at::Tensor& position_ids,
                                  const at::Tensor& token_type_ids, const at::Tensor& word,
                                  const at::Tensor& position, const at::Tensor& token_type,
                                  const at::Tensor& out) {
  isa::EmbeddingArgs args;
  args.token_ids = token_ids.const_data_ptr<int32_t>();
  args.position_ids = position_ids.const_data_ptr<int32_t>();
  args.token_type_ids = token_type_ids.const_data_ptr<int32_t>();
  args.word = floats(word);
  args.position = floats(position);
  args.token_type = floats(token_type);
  args.out = matrix(out);
  args.columns = out.size(1);
  return args;
}

void embedding_forward(const at::Tensor& token_ids, const at::Tensor& position_ids,
                       const at::Tensor& token_type_ids, const at::Tensor& word,
                       const at::Tensor& position, const at::Tensor& token_type, at::Tensor& out) {
  const isa::EmbeddingArgs args =
      embedding_args(token_ids, position_ids, token_type_ids, word, position, token_type, out);
  on_device(out, "embedding_forward", [&](Stream stream) {
    cuda::embedding_forward(type_of(out), args,
                            {rows_of(word), rows_of(position), rows_of(token_type)}, out.size(0),
                            stream);
  });
}

void embedding_backward(const at::Tensor& d_out, const at::Tensor& token_ids,
                        const at::Tensor& position_ids, const at::Tensor& token_type_ids,
                        at::Tensor word_grad, at::Tensor position_grad,
                        at::Tensor token_type_grad) {
  const isa::EmbeddingArgs args = embedding_args(token_ids, position_ids, token_type_ids, word_grad,
                                                 position_grad, token_type_grad, d_out);
  const at::Tensor workspace = sums_workspace(d_out, token_type_grad);
  on_device(d_out, "embedding_backward", [&](Stream stream) {
    cuda::embedding_backward(type_of(d_out), args,
                             {rows_of(word_grad), rows_of(position_grad), rows_of(token_type_grad)},
                             d_out.size(0), data_of(workspace), stream);
  });
}

void add_column_sums(const at::Tensor& x, at::Tensor sum) {
  const at::Tensor workspace = sums_workspace(x, sum);
  on_device(x, "add_column_sums", [&](Stream stream) {
    cuda::add_column_sums(type_of(x), matrix(x), x.size(0), x.size(1), floats(sum),
                          data_of(workspace), stream);
  });
}

void accumulate(const at::Tensor& x, at::Tensor target) {
  on_device(x, "accumulate", [&](Stream stream) {
    cuda::accumulate(type_of(x), matrix(x), matrix(target), x.size(0), x.size(1), stream);
  });
}

void grouped_dense_forward(const std::vector<DenseGroup>& groups, const at::Tensor& weights,
                           const at::Tensor& biases, std::optional<Activation> activation,
                           const at::Tensor& x, at::Tensor& y) {
  const auto* first_weight = static_cast<const char*>(weights.const_data_ptr());
  const auto element = static_cast<int64_t>(weights.element_size());
  GroupedDenseArgs args;
  args.x = matrix(x);
  args.y = matrix(y);
  args.in = x.size(1);
  args.out = y.size(1);
  args.activates = activation.has_value();
  if (activation) args.kind = static_cast<isa::ActivationKind>(*activation);
  for (size_t done = 0; done < groups.size(); done += kMostDenseGroups) {
    const size_t count = std::min(kMostDenseGroups, groups.size() - done);
    args.num_groups = static_cast<int>(count);
    for (size_t i = 0; i < count; ++i) {
      const DenseGroup& group = groups[done + i];
      args.groups[i] = {.first_row = group.first_row,
                        .rows = group.rows,
                        .weight = first_weight + group.weight * element,
                        .bias = group.bias ? floats(biases) + *group.bias : nullptr};
    }
    on_device(x, "grouped_dense_forward",
              [&](Stream stream) { cuda::grouped_dense_forward(type_of(x), args, stream); });
  }
}

void bert_adam_table_step(const at::Tensor& table, int64_t chunks, const BertAdamOptions& options,
                          at::Tensor weights, const at::Tensor& gradients, at::Tensor first_moment,
                          at::Tensor second_moment, at::Tensor shadow) {
  AdamArgs args;
  args.weights = floats(weights);
  args.gradients = floats(gradients);
  args.first_moment = floats(first_moment);
  args.second_moment = floats(second_moment);
  if (shadow.defined()) {
    args.shadow = shadow.mutable_data_ptr();
    args.shadow_type = type_of(shadow);
  }
  args.rows = static_cast<const AdamRow*>(table.const_data_ptr());
  args.num_rows = table.numel() / kAdamRowWords;
  args.num_chunks = chunks;
  const at::Tensor workspace = workspace_for(weights, chunks + args.num_rows);
  args.squares = data_of(workspace);
  args.clips = args.squares + chunks;
  args.beta1 = options.beta1;
  args.beta2 = options.beta2;
  args.epsilon = options.epsilon;
  args.max_grad_norm = options.max_grad_norm;
  if (options.overflow != nullptr) args.overflow = floats(*options.overflow);
  on_device(weights, "bert_adam_step", [&](Stream stream) { bert_adam(args, stream); });
}

/// The table goes through memory that the device copies from without anybody's waiting; its
/// allocator gives it out again only when that is done.
void bert_adam_step(const std::vector<AdamRange>& ranges, const BertAdamOptions& options,
                    at::Tensor weights, const at::Tensor& gradients, at::Tensor first_moment,
                    at::Tensor second_moment, at::Tensor shadow) {
  const AdamTableSize size = adam_table_size(ranges);
  const std::vector<int64_t> words = adam_table(ranges, size.rows);
  const at::Tensor host = at::empty(
      {std::ssize(words)}, at::TensorOptions(at::kLong).pinned_memory(!weights.device().is_cpu()));
  if (!words.empty()) std::memcpy(host.mutable_data_ptr(), words.data(), host.nbytes());
  const at::Tensor table = at::empty(host.sizes(), weights.options().dtype(at::kLong));
  table.copy_(host, /*non_blocking=*/true);
  cuda::bert_adam_table_step(table, size.chunks, options, weights, gradients, first_moment,
                             second_moment, shadow);
}

}  // namespace

const BlockTable& block_table() {
  static constexpr BlockTable kTable = {
      .bias_activation_forward = bias_activation_forward,
      .bias_activation_backward = bias_activation_backward,
      .bias_dropout_forward = bias_dropout_forward,
      .bias_dropout_backward = bias_dropout_backward,
      .dropout_add_layer_norm_forward = dropout_add_layer_norm_forward,
      .dropout_add_layer_norm_backward = dropout_add_layer_norm_backward,
      .attention_forward = attention_forward,
      .attention_backward = attention_backward,
      .joint_attention_forward = joint_attention_forward,
      .joint_attention_backward = joint_attention_backward,
      .embedding_forward = embedding_forward,
      .embedding_backward = embedding_backward,
      .add_column_sums = add_column_sums,
      .accumulate = accumulate,
      .quantize_rows = plain::quantize_rows,
      .scale_rows = plain::scale_rows,
      .bert_adam_step = bert_adam_step,
      .bert_adam_table_step = bert_adam_table_step,
      .grouped_dense_forward = grouped_dense_forward,
  };
  return kTable;
}

}  // namespace pals::cuda

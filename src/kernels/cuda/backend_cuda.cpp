#include "kernels/cuda/backend_cuda.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/pack.h"

namespace pals::cuda {
namespace {

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

void bias_activation_forward(const BiasActivation& block) {
  on_device(block.u, "bias_activation_forward", [&](Stream stream) {
    cuda::bias_activation_forward(type_of(block.u), pack_forward(block), block.u.size(0), stream);
  });
}

void bias_activation_backward(const BiasActivation& block) {
  const at::Tensor workspace = sums_workspace(block.u, block.bias_grad);
  on_device(block.u, "bias_activation_backward", [&](Stream stream) {
    cuda::bias_activation_backward(type_of(block.u), pack_backward(block), block.u.size(0),
                                   floats(block.bias_grad), data_of(workspace), stream);
  });
}

void bias_dropout_forward(const BiasDropout& block) {
  if (!block.bias.defined() && !block.dropout.active()) return;
  on_device(block.x, "bias_dropout_forward", [&](Stream stream) {
    cuda::bias_dropout_forward(type_of(block.x), pack_forward(block), block.x.size(0), stream);
  });
}

void bias_dropout_backward(const BiasDropout& block) {
  const at::Tensor workspace = sums_workspace(block.dy, block.bias_grad);
  on_device(block.dy, "bias_dropout_backward", [&](Stream stream) {
    cuda::bias_dropout_backward(type_of(block.dy), pack_backward(block), block.dy.size(0),
                                floats(block.bias_grad), data_of(workspace), stream);
  });
}

void add_layer_norm_forward(const AddLayerNorm& block) {
  on_device(block.z, "add_layer_norm_forward", [&](Stream stream) {
    layer_norm_forward(type_of(block.z), pack(block), block.z.size(0), stream);
  });
}

void add_layer_norm_backward(const AddLayerNorm& block) {
  const at::Tensor& z = block.z;
  const at::Tensor workspace = workspace_for(z, layer_norm_workspace(z.size(0), z.size(1)));
  on_device(z, "add_layer_norm_backward", [&](Stream stream) {
    layer_norm_backward(
        type_of(z), pack(block), z.size(0),
        {floats(block.gamma_grad), floats(block.beta_grad), floats(block.bias_grad)},
        data_of(workspace), stream);
  });
}

/// For the kernels.
bool too_large(const AttentionHeads& heads) {
  return heads.q.size(1) / heads.num_heads > kLargestHead;
}

enum class Direction { kForward, kBackward };

/// All heads in one launch; kernels take them.
void launch_attention(const Attention& block, Direction direction) {
  const at::Tensor& q = block.heads.front().q;
  const bool backward = direction == Direction::kBackward;
  const AttentionSize size = {block.rows.cu_seqlens.numel() - 1, block.rows.max_seqlen};
  AttentionGroups groups;
  groups.count = 0;
  std::vector<at::Tensor> workspaces;
  for (const AttentionHeads& heads : block.heads) {
    groups.args[groups.count] = pack(heads, block.rows);
    if (backward) {
      workspaces.push_back(workspace_for(heads.q, heads.q.size(0) * heads.num_heads));
      groups.row_dots[groups.count] = data_of(workspaces.back());
    }
    ++groups.count;
  }
  on_device(q, backward ? "attention_backward" : "attention_forward", [&](Stream stream) {
    const auto kernel = backward ? cuda::attention_backward : cuda::attention_forward;
    kernel(type_of(q), groups, size, stream);
  });
}

/// Heads that no kernel takes are left to the plain version, which waits for the device.
void attend(const Attention& block, Direction direction) {
  if (std::ranges::none_of(block.heads, too_large)) return launch_attention(block, direction);
  for (AttentionHeads& heads : block.heads) {
    const Attention alone = {{&heads, 1}, block.rows};
    if (!too_large(heads)) {
      launch_attention(alone, direction);
    } else if (direction == Direction::kForward) {
      plain::attention_forward(alone);
    } else {
      plain::attention_backward(alone);
    }
  }
}

void attention_forward(const Attention& block) { attend(block, Direction::kForward); }
void attention_backward(const Attention& block) { attend(block, Direction::kBackward); }

EmbeddingRows rows_of(const Embedding& block) {
  const auto rows = [](const at::Tensor& table) { return table.defined() ? table.size(0) : 0; };
  return {rows(block.word), rows(block.position), rows(block.token_type)};
}

void embedding_forward(const Embedding& block) {
  on_device(block.out, "embedding_forward", [&](Stream stream) {
    cuda::embedding_forward(type_of(block.out), pack(block), rows_of(block), block.out.size(0),
                            stream);
  });
}

void embedding_backward(const Embedding& block) {
  const at::Tensor workspace = sums_workspace(block.out, block.token_type);
  on_device(block.out, "embedding_backward", [&](Stream stream) {
    cuda::embedding_backward(type_of(block.out), pack(block), rows_of(block), block.out.size(0),
                             data_of(workspace), stream);
  });
}

void add_column_sums(const ColumnSums& block) {
  const at::Tensor& x = block.x;
  const at::Tensor workspace = sums_workspace(x, block.sum);
  on_device(x, "add_column_sums", [&](Stream stream) {
    cuda::add_column_sums(type_of(x), matrix(x), x.size(0), x.size(1), floats(block.sum),
                          data_of(workspace), stream);
  });
}

/// Products add to fp32 themselves here (modules/product.h).
void accumulate(const Accumulation& block) { plain::accumulate(block); }

/// Only processors multiply in bytes.
void quantize_rows(const QuantizedRows& block) { plain::quantize_rows(block); }
void scale_rows(const ScaledRows& block) { plain::scale_rows(block); }

void grouped_dense(const GroupedDense& block) {
  const auto* first_weight = static_cast<const char*>(block.weights.const_data_ptr());
  const auto element = static_cast<int64_t>(block.weights.element_size());
  GroupedDenseArgs args;
  args.x = matrix(block.x);
  args.y = matrix(block.y);
  args.in = block.x.size(1);
  args.out = block.y.size(1);
  args.weight_stride = row_stride(block);
  args.activates = block.activation.has_value();
  if (block.activation) args.kind = static_cast<isa::ActivationKind>(*block.activation);
  for (size_t done = 0; done < block.groups.size(); done += kMostDenseGroups) {
    const size_t count = std::min(kMostDenseGroups, block.groups.size() - done);
    args.num_groups = static_cast<int>(count);
    for (size_t i = 0; i < count; ++i) {
      const DenseGroup& group = block.groups[done + i];
      args.groups[i] = {.first_row = group.first_row,
                        .rows = group.rows,
                        .weight = first_weight + group.weight * element,
                        .bias = group.bias ? floats(block.biases) + *group.bias : nullptr};
    }
    on_device(block.x, "grouped_dense",
              [&](Stream stream) { cuda::grouped_dense_forward(type_of(block.x), args, stream); });
  }
}

/// Ranges go through memory that the device copies from without anybody's waiting; its allocator
/// gives it out again only when that is done.
at::Tensor packed_on_device(std::span<const AdamRange> ranges, int64_t count,
                            const at::Tensor& weights) {
  const std::vector<int64_t> words = packed_ranges(ranges, count);
  const at::Tensor host = at::empty(
      {std::ssize(words)}, at::TensorOptions(at::kLong).pinned_memory(!weights.device().is_cpu()));
  if (!words.empty()) std::memcpy(host.mutable_data_ptr(), words.data(), host.nbytes());
  at::Tensor packed = at::empty(host.sizes(), weights.options().dtype(at::kLong));
  packed.copy_(host, /*non_blocking=*/true);
  return packed;
}

void bert_adam(const BertAdam& block) {
  at::Tensor packed = block.packed_ranges;
  int64_t chunks = block.chunks;
  if (!packed.defined()) {
    const PackedRangesSize size = packed_ranges_size(block.ranges);
    packed = packed_on_device(block.ranges, size.ranges, block.weights);
    chunks = size.chunks;
  }
  AdamArgs args;
  args.weights = floats(block.weights);
  args.gradients = floats(block.gradients);
  args.first_moment = floats(block.first_moment);
  args.second_moment = floats(block.second_moment);
  if (block.shadow.defined()) {
    args.shadow = block.shadow.mutable_data_ptr();
    args.shadow_type = type_of(block.shadow);
  }
  args.ranges = static_cast<const PackedRange*>(packed.const_data_ptr());
  args.num_ranges = packed.numel() / kPackedRangeWords;
  args.num_chunks = chunks;
  const at::Tensor workspace = workspace_for(block.weights, chunks + args.num_ranges);
  args.squares = data_of(workspace);
  args.clips = args.squares + chunks;
  args.beta1 = block.beta1;
  args.beta2 = block.beta2;
  args.epsilon = block.epsilon;
  args.max_grad_norm = block.max_grad_norm;
  args.overflow = floats(block.overflow);
  on_device(block.weights, "bert_adam", [&](Stream stream) { cuda::bert_adam(args, stream); });
}

}  // namespace

const Backend& backend() {
  static constexpr Backend kBackend = {PALS_KERNELS(PALS_TAKE_KERNEL).joins_attention = true,
                                       .groups_dense = true};
  return kBackend;
}

}  // namespace pals::cuda

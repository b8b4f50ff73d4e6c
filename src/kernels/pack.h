// From blocks of tensors to the arguments of kernels, which are raw pointers and sizes; the same
// for the CPU's and CUDA's.
#pragma once

#include "kernels/isa/arguments.h"
#include "kernels/operations.h"

namespace pals {

inline isa::Matrix matrix(const at::Tensor& x) {
  if (!x.defined()) return {};
  return {const_cast<void*>(x.const_data_ptr()), x.stride(0)};
}

inline float* floats(const at::Tensor& x) {
  return x.defined() ? const_cast<float*>(x.const_data_ptr<float>()) : nullptr;
}

inline const int32_t* ints(const at::Tensor& x) {
  return x.defined() ? x.const_data_ptr<int32_t>() : nullptr;
}

inline isa::DropoutArgs pack(const Dropout& dropout, const at::Tensor& token_keys) {
  if (!dropout.active()) return {};
  return {ints(token_keys), dropout.key, dropout_threshold(dropout.p), dropout_scale(dropout.p),
          dropout.device_key};
}

inline isa::BiasActivationArgs pack_forward(const BiasActivation& block) {
  isa::BiasActivationArgs args;
  args.kind = static_cast<isa::ActivationKind>(block.activation);
  args.columns = block.u.size(1);
  args.x = matrix(block.u);
  args.y = matrix(block.y);
  args.bias = floats(block.bias);
  return args;
}

inline isa::BiasActivationArgs pack_backward(const BiasActivation& block) {
  isa::BiasActivationArgs args;
  args.kind = static_cast<isa::ActivationKind>(block.activation);
  args.columns = block.u.size(1);
  args.x = matrix(block.u);
  args.dy = matrix(block.dy);
  args.y = matrix(block.du);
  return args;
}

inline isa::BiasDropoutArgs pack_forward(const BiasDropout& block) {
  isa::BiasDropoutArgs args;
  args.columns = block.x.size(1);
  args.x = matrix(block.x);
  args.bias = floats(block.bias);
  args.dropout = pack(block.dropout, block.token_keys);
  return args;
}

inline isa::BiasDropoutArgs pack_backward(const BiasDropout& block) {
  isa::BiasDropoutArgs args;
  args.columns = block.dy.size(1);
  args.x = matrix(block.dy);
  args.y = matrix(block.dx);
  args.dropout = pack(block.dropout, block.token_keys);
  return args;
}

inline isa::LayerNormArgs pack(const AddLayerNorm& block) {
  isa::LayerNormArgs args;
  args.columns = block.z.size(1);
  args.x = matrix(block.z);
  args.residual = matrix(block.residual);
  args.extra = matrix(block.extra);
  args.y = matrix(block.y);
  args.dy = matrix(block.dy);
  args.dz = matrix(block.dz);
  args.dx = matrix(block.dx);
  args.bias = floats(block.bias);
  args.gamma = floats(block.gamma);
  args.beta = floats(block.beta);
  args.mean = floats(block.mean);
  args.rstd = floats(block.rstd);
  args.epsilon = static_cast<float>(block.epsilon);
  args.dropout = pack(block.dropout, block.token_keys);
  return args;
}

inline isa::AttentionArgs pack(const AttentionHeads& heads, const AttentionRows& rows) {
  isa::AttentionArgs args;
  args.q = matrix(heads.q);
  args.k = matrix(heads.k);
  args.v = matrix(heads.v);
  args.context = matrix(heads.context);
  args.d_context = matrix(heads.d_context);
  args.dq = matrix(heads.dq);
  args.dk = matrix(heads.dk);
  args.dv = matrix(heads.dv);
  args.cu_seqlens = ints(rows.cu_seqlens);
  args.cu_queries = rows.narrowed() ? ints(rows.cu_queries) : args.cu_seqlens;
  args.logsumexp = floats(heads.logsumexp);
  args.num_heads = heads.num_heads;
  args.head_size = heads.q.size(1) / heads.num_heads;
  args.scale = static_cast<float>(heads.scale);
  args.dropout = pack(heads.dropout, rows.narrowed() ? rows.query_keys : rows.token_keys);
  return args;
}

inline isa::EmbeddingArgs pack(const Embedding& block) {
  isa::EmbeddingArgs args;
  args.token_ids = ints(block.token_ids);
  args.position_ids = ints(block.position_ids);
  args.token_type_ids = ints(block.token_type_ids);
  args.word = floats(block.word);
  args.position = floats(block.position);
  args.token_type = floats(block.token_type);
  args.out = matrix(block.out);
  args.columns = block.out.size(1);
  return args;
}

inline isa::QuantizeArgs pack(const QuantizedRows& block) {
  isa::QuantizeArgs args;
  args.x = matrix(block.x);
  args.columns = block.x.size(1);
  args.bytes = block.bytes.mutable_data_ptr<uint8_t>();
  args.scales = floats(block.scales);
  return args;
}

inline isa::QuantizeArgs pack(const ScaledRows& block) {
  isa::QuantizeArgs args;
  args.x = matrix(block.x);
  args.columns = block.x.size(1);
  args.scales = floats(block.scales);
  args.bias = floats(block.bias);
  return args;
}

/// The ranges of a block, those that are packed read back.
std::vector<AdamRange> ranges_of(const BertAdam& block);

/// A range's weights as their shadow sees them, and the shadow: [numel], or rows with gaps.
struct ShadowedWeights {
  at::Tensor weights, shadow;
};
ShadowedWeights shadowed_weights(const BertAdam& block, const AdamRange& range);

}  // namespace pals

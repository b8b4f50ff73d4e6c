// The launch functions of the CUDA kernels: raw pointers and sizes in, work on a stream out. No
// torch and no CUDA headers, so that nvcc compiles the kernels quickly and a C++ compiler compiles
// them for the emulator.
//
// Arguments are the structs of the CPU kernels, their pointers leading into the device's memory.
// Everything is asynchronous and nothing is read back: a launch depends on sizes that the host
// knows. All sums are made in an order that depends on nothing but sizes, so results repeat bit for
// bit.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/adam_ranges.h"
#include "kernels/isa/arguments.h"

struct CUstream_st;  // CUDA's cudaStream_t points to it

namespace pals::cuda {

using Stream = CUstream_st*;

/// Types of activations.
enum class Type { kFloat, kBFloat16, kHalf };

/// Floats of workspace that a block needs for `sums` column sums of [rows, columns].
int64_t column_sum_workspace(int64_t rows, int64_t columns, int sums);

void bias_activation_forward(Type type, const isa::BiasActivationArgs& args, int64_t rows,
                             Stream stream);
/// bias_grad null: not wanted, and then no workspace (for one sum) is read.
void bias_activation_backward(Type type, const isa::BiasActivationArgs& args, int64_t rows,
                              float* bias_grad, float* workspace, Stream stream);

void bias_dropout_forward(Type type, const isa::BiasDropoutArgs& args, int64_t rows, Stream stream);
/// As bias_activation_backward.
void bias_dropout_backward(Type type, const isa::BiasDropoutArgs& args, int64_t rows,
                           float* bias_grad, float* workspace, Stream stream);

void layer_norm_forward(Type type, const isa::LayerNormArgs& args, int64_t rows, Stream stream);

/// Gradients of parameters, each null where it is not wanted.
struct LayerNormGradients {
  float* gamma = nullptr;
  float* beta = nullptr;
  float* bias = nullptr;
};

/// Floats of workspace of layer_norm_backward.
int64_t layer_norm_workspace(int64_t rows, int64_t columns);
void layer_norm_backward(Type type, const isa::LayerNormArgs& args, int64_t rows,
                         const LayerNormGradients& gradients, float* workspace, Stream stream);

/// sum += column sums of x [rows, columns]; workspace for one sum.
void add_column_sums(Type type, const isa::Matrix& x, int64_t rows, int64_t columns, float* sum,
                     float* workspace, Stream stream);

/// Rows of the tables; a token whose id is beyond them becomes NaN, and is left out in backward.
struct EmbeddingRows {
  int64_t word = 0, position = 0, token_type = 0;
};
void embedding_forward(Type type, const isa::EmbeddingArgs& args, const EmbeddingRows& rows,
                       int64_t tokens, Stream stream);
/// Workspace: for one column sum.
void embedding_backward(Type type, const isa::EmbeddingArgs& args, const EmbeddingRows& rows,
                        int64_t tokens, float* workspace, Stream stream);

/// The longest head that the attention kernels take.
constexpr int64_t kLargestHead = 128;

/// What sizes the grid of attention; the rows themselves are on the device.
struct AttentionSize {
  int64_t rows = 0;        ///< rows of text
  int64_t max_seqlen = 0;  ///< no row is longer, and none has more queries
};
/// One attention, or two over the same rows, whose heads then share a launch (in fp32 each has its
/// own).
struct AttentionGroups {
  static constexpr int kMost = 2;
  isa::AttentionArgs args[kMost];
  float* row_dots[kMost] = {};  ///< backward: [queries, num_heads], workspace
  int count = 1;
  int units[kMost] = {};  ///< for the launch to set
};
void attention_forward(Type type, const AttentionGroups& groups, const AttentionSize& size,
                       Stream stream);
/// args.context is what forward wrote; dq, dk and dv must not overlap what is read.
void attention_backward(Type type, const AttentionGroups& groups, const AttentionSize& size,
                        Stream stream);

/// Rows with a dense layer of their own.
struct DenseGroupArgs {
  int64_t first_row = 0, rows = 0;
  const void* weight = nullptr;  ///< [out, in]
  const float* bias = nullptr;   ///< [out], or null
  int64_t first_tile = 0;        ///< for the launch to set
};
constexpr size_t kMostDenseGroups = 16;  ///< of a launch

/// y = activation(x W^T + bias), group by group.
struct GroupedDenseArgs {
  isa::Matrix x, y;
  int64_t in = 0, out = 0, weight_stride = 0;
  bool activates = false;
  isa::ActivationKind kind = isa::kGelu;
  int num_groups = 0;
  DenseGroupArgs groups[kMostDenseGroups];
};
/// Types of two bytes only.
void grouped_dense_forward(Type type, GroupedDenseArgs args, Stream stream);

/// One optimizer step over the chunks of packed ranges; all pointers lead into the device's memory.
struct AdamArgs {
  float* weights = nullptr;
  const float* gradients = nullptr;
  float* first_moment = nullptr;
  float* second_moment = nullptr;
  void* shadow = nullptr;  ///< may be null
  Type shadow_type = Type::kBFloat16;
  const float* overflow = nullptr;  ///< null, or: where it is not 0, nothing changes
  const PackedRange* ranges = nullptr;
  int64_t num_ranges = 0, num_chunks = 0;  ///< the ranges may have fewer chunks
  float* squares = nullptr;                ///< [num_chunks] workspace
  float* clips = nullptr;                  ///< [num_ranges] workspace
  float beta1 = 0.0F, beta2 = 0.0F, epsilon = 0.0F, max_grad_norm = 0.0F;
};
void bert_adam(const AdamArgs& args, Stream stream);

}  // namespace pals::cuda

// The implementations of all kernels on one device, as a table of functions, so that a device
// brings its own. How to write one: docs/kernels.md.
#pragma once

#include "kernels/operations.h"

/// One row a kernel: its name and the struct that it computes.
#define PALS_KERNELS(ROW)                       \
  ROW(bias_activation_forward, BiasActivation)  \
  ROW(bias_activation_backward, BiasActivation) \
  ROW(bias_dropout_forward, BiasDropout)        \
  ROW(bias_dropout_backward, BiasDropout)       \
  ROW(add_layer_norm_forward, AddLayerNorm)     \
  ROW(add_layer_norm_backward, AddLayerNorm)    \
  ROW(attention_forward, Attention)             \
  ROW(attention_backward, Attention)            \
  ROW(embedding_forward, Embedding)             \
  ROW(embedding_backward, Embedding)            \
  ROW(add_column_sums, ColumnSums)              \
  ROW(accumulate, Accumulation)                 \
  ROW(quantize_rows, QuantizedRows)             \
  ROW(scale_rows, ScaledRows)                   \
  ROW(grouped_dense, GroupedDense)              \
  ROW(bert_adam, BertAdam)

/// A namespace's functions of these names, and the entries of a Backend that takes them.
#define PALS_DECLARE_KERNEL(name, Block) void name(const Block& block);
#define PALS_TAKE_KERNEL(name, Block) .name = (name),

namespace pals {

/// Functions have the contracts of kernels/operations.h; blocks have been checked and outputs
/// provided when they are called.
struct Backend {
// NOLINTNEXTLINE(bugprone-macro-parentheses): a name that is declared
#define PALS_KERNEL_ENTRY(name, Block) void (*name)(const Block&) = nullptr;
  PALS_KERNELS(PALS_KERNEL_ENTRY)
#undef PALS_KERNEL_ENTRY
  bool joins_attention = false;  ///< of two-byte types
  bool groups_dense = false;     ///< of two-byte types
};

/// The kernels for tensors on devices of `type`, which live until the program ends; null takes them
/// away. Devices without any run the plain versions, as do the CPU kernels' tensors of types other
/// than fp32 and bf16.
void set_backend(c10::DeviceType type, const Backend* backend);

/// Those for an activation (or parameter) like x.
const Backend& backend_for(const at::Tensor& x);

/// On CPU kernels of the instruction set in use (kernels/cpu_isa.h).
namespace cpu {
PALS_KERNELS(PALS_DECLARE_KERNEL)
const Backend& backend();
}  // namespace cpu

/// Of ATen's functions: the truth in tests and the fallback on devices without kernels. They
/// compute in fp32, or in double when given doubles.
namespace plain {
PALS_KERNELS(PALS_DECLARE_KERNEL)
const Backend& backend();
}  // namespace plain

}  // namespace pals

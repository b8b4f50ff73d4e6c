// One implementation of all blocks, as a table of functions, so that a device brings its own.
#pragma once

#include "nn/blocks.h"

namespace pals {

/// The blocks of one device. Functions have the contracts of nn/blocks.h; arguments have been
/// checked and outputs provided when they are called.
struct BlockTable {
  decltype(&pals::bias_activation_forward) bias_activation_forward;
  decltype(&pals::bias_activation_backward) bias_activation_backward;
  decltype(&pals::bias_dropout_forward) bias_dropout_forward;
  decltype(&pals::bias_dropout_backward) bias_dropout_backward;
  decltype(&pals::dropout_add_layer_norm_forward) dropout_add_layer_norm_forward;
  decltype(&pals::dropout_add_layer_norm_backward) dropout_add_layer_norm_backward;
  decltype(&pals::attention_forward) attention_forward;
  decltype(&pals::attention_backward) attention_backward;
  /// Null where a device gains nothing from them (pals::joins_attention).
  decltype(&pals::joint_attention_forward) joint_attention_forward;
  decltype(&pals::joint_attention_backward) joint_attention_backward;
  decltype(&pals::embedding_forward) embedding_forward;
  decltype(&pals::embedding_backward) embedding_backward;
  decltype(&pals::add_column_sums) add_column_sums;
  decltype(&pals::accumulate) accumulate;
  decltype(&pals::quantize_rows) quantize_rows;
  decltype(&pals::scale_rows) scale_rows;
  decltype(&pals::bert_adam_step) bert_adam_step;
  decltype(&pals::bert_adam_table_step) bert_adam_table_step;
  /// Null where a device gains nothing from it (pals::groups_dense).
  decltype(&pals::grouped_dense_forward) grouped_dense_forward;
};

/// The blocks of `type`, which live until the program ends; null takes them away. Devices without
/// any run the plain versions, as do the CPU kernels' tensors of types other than fp32 and bf16.
void set_block_table(c10::DeviceType type, const BlockTable* table);

/// The blocks for an activation (or parameter) like x.
const BlockTable& block_table_for(const at::Tensor& x);

namespace cpu {
/// The CPU kernels.
const BlockTable& block_table();
}  // namespace cpu

namespace plain {
/// The plain versions.
const BlockTable& block_table();
}  // namespace plain

}  // namespace pals

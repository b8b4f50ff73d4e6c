#include "nn/block_table.h"

#include <array>

#include "nn/blocks_cpu.h"
#include "nn/blocks_plain.h"

namespace pals {
namespace {

constexpr auto kDeviceTypes = static_cast<size_t>(c10::COMPILE_TIME_MAX_DEVICE_TYPES);

std::array<const BlockTable*, kDeviceTypes>& tables() {
  static std::array<const BlockTable*, kDeviceTypes> by_type = [] {
    std::array<const BlockTable*, kDeviceTypes> initial{};
    initial[static_cast<size_t>(c10::DeviceType::CPU)] = &cpu::block_table();
    return initial;
  }();
  return by_type;
}

}  // namespace

void set_block_table(c10::DeviceType type, const BlockTable* table) {
  tables()[static_cast<size_t>(type)] = table;
}

const BlockTable& block_table_for(const at::Tensor& x) {
  const BlockTable* table = tables()[static_cast<size_t>(x.device().type())];
  const bool other_type = table == &cpu::block_table() && x.scalar_type() != at::kFloat &&
                          x.scalar_type() != at::kBFloat16;
  return table == nullptr || other_type ? plain::block_table() : *table;
}

const BlockTable& cpu::block_table() {
  static constexpr BlockTable kTable = {
      .bias_activation_forward = bias_activation_forward,
      .bias_activation_backward = bias_activation_backward,
      .bias_dropout_forward = bias_dropout_forward,
      .bias_dropout_backward = bias_dropout_backward,
      .dropout_add_layer_norm_forward = dropout_add_layer_norm_forward,
      .dropout_add_layer_norm_backward = dropout_add_layer_norm_backward,
      .attention_forward = attention_forward,
      .attention_backward = attention_backward,
      .joint_attention_forward = nullptr,
      .joint_attention_backward = nullptr,
      .embedding_forward = embedding_forward,
      .embedding_backward = embedding_backward,
      .add_column_sums = add_column_sums,
      .accumulate = accumulate,
      .quantize_rows = quantize_rows,
      .scale_rows = scale_rows,
      .bert_adam_step = bert_adam_step,
      .bert_adam_table_step = plain::bert_adam_table_step,
      .grouped_dense_forward = nullptr,
  };
  return kTable;
}

const BlockTable& plain::block_table() {
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
      .quantize_rows = quantize_rows,
      .scale_rows = scale_rows,
      .bert_adam_step = bert_adam_step,
      .bert_adam_table_step = bert_adam_table_step,
      .grouped_dense_forward = grouped_dense_forward,
  };
  return kTable;
}

}  // namespace pals

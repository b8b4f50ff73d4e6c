// A device's blocks that count their calls, for tests of what is computed in one launch.
#pragma once

#include <optional>
#include <vector>

#include "nn/block_table.h"
#include "nn/device.h"

namespace pals::testing {

/// While it stands, the device's blocks count their calls.
struct CountedBlocks {
  explicit CountedBlocks(at::Device device_) : device(device_) {
    own = &accelerator_of(device)->blocks();
    table = *own;
    table.grouped_dense_forward = [](const std::vector<DenseGroup>& groups,
                                     const at::Tensor& weights, const at::Tensor& biases,
                                     std::optional<Activation> activation, const at::Tensor& x,
                                     at::Tensor& y) {
      ++grouped;
      own->grouped_dense_forward(groups, weights, biases, activation, x, y);
    };
    table.joint_attention_forward = [](AttentionHeads& first, AttentionHeads& second,
                                       const AttentionRows& rows) {
      ++joint_forward;
      own->joint_attention_forward(first, second, rows);
    };
    table.joint_attention_backward = [](AttentionHeads& first, AttentionHeads& second,
                                        const AttentionRows& rows) {
      ++joint_backward;
      own->joint_attention_backward(first, second, rows);
    };
    table.bert_adam_table_step = [](const at::Tensor& ranges, int64_t chunks,
                                    const BertAdamOptions& options, at::Tensor weights,
                                    const at::Tensor& gradients, at::Tensor first_moment,
                                    at::Tensor second_moment, at::Tensor shadow) {
      ++table_steps;
      own->bert_adam_table_step(ranges, chunks, options, weights, gradients, first_moment,
                                second_moment, shadow);
    };
    forget();
    set_block_table(device.type(), &table);
  }
  ~CountedBlocks() { set_block_table(device.type(), own); }
  CountedBlocks(const CountedBlocks&) = delete;
  CountedBlocks& operator=(const CountedBlocks&) = delete;

  static void forget() { grouped = joint_forward = joint_backward = table_steps = 0; }

  at::Device device;
  BlockTable table;
  static inline const BlockTable* own = nullptr;
  static inline int grouped = 0, joint_forward = 0, joint_backward = 0, table_steps = 0;
};

}  // namespace pals::testing

// A device's backend that counts calls, for tests of what is computed in one launch.
#pragma once

#include "kernels/backend.h"
#include "kernels/device.h"

namespace pals::testing {

/// While it stands, the device's backend counts calls.
struct CountedBlocks {
  explicit CountedBlocks(at::Device device_) : device(device_) {
    own = &accelerator_of(device)->backend();
    counting = *own;
    counting.grouped_dense = [](const GroupedDense& block) {
      ++grouped;
      own->grouped_dense(block);
    };
    counting.attention_forward = [](const Attention& block) {
      joint_forward += block.heads.size() == 2 ? 1 : 0;
      own->attention_forward(block);
    };
    counting.attention_backward = [](const Attention& block) {
      joint_backward += block.heads.size() == 2 ? 1 : 0;
      own->attention_backward(block);
    };
    counting.bert_adam = [](const BertAdam& block) {
      packed_steps += block.packed_ranges.defined() ? 1 : 0;
      own->bert_adam(block);
    };
    forget();
    set_backend(device.type(), &counting);
  }
  ~CountedBlocks() { set_backend(device.type(), own); }
  CountedBlocks(const CountedBlocks&) = delete;
  CountedBlocks& operator=(const CountedBlocks&) = delete;

  static void forget() { grouped = joint_forward = joint_backward = packed_steps = 0; }

  at::Device device;
  Backend counting;
  static inline const Backend* own = nullptr;
  static inline int grouped = 0, joint_forward = 0, joint_backward = 0, packed_steps = 0;
};

}  // namespace pals::testing

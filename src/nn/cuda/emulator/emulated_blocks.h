// The blocks on the CUDA kernels as the emulator runs them, on CPU tensors: for tests.
#pragma once

#include "nn/block_table.h"

namespace pals {

/// To be given to set_block_table(c10::DeviceType::CPU, ...).
const BlockTable& cuda_emulated_block_table();

}  // namespace pals

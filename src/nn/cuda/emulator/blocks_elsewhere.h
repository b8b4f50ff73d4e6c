// The blocks of CPU tensors, computed on another device: for tests, which so run on a GPU as they
// are.
#pragma once

#include "nn/block_table.h"

namespace pals {

/// Copies arguments to `device` (strides as they are), calls `blocks` there, and copies results
/// back. One at a time: a later call changes what earlier tables do.
const BlockTable& blocks_elsewhere(at::Device device, const BlockTable& blocks);

}  // namespace pals

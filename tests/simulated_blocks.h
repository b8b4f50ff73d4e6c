// The blocks of the simulated device.
#pragma once

#include "nn/block_table.h"

namespace pals::testing {

/// The CPU's blocks on the same memory; in fp16 the plain ones.
const BlockTable& simulated_blocks();

}  // namespace pals::testing

// The memory of computations on the CPU.
#pragma once

#include <pals/types.h>

namespace pals::api {

/// Has all of LibTorch in this process keep the memory of large tensors for the next ones, as the
/// program `pals` does: faster where batches have ever other sizes. To be called before any model
/// is loaded.
void keep_tensor_memory();

}  // namespace pals::api

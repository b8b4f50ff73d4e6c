// The fused blocks on the CUDA kernels. The same glue serves a GPU (accelerator_cuda.cpp) and the
// emulator (emulator/emulated_blocks.cpp), which differ in what on_device does.
#pragma once

#include <c10/util/FunctionRef.h>

#include "kernels/backend.h"
#include "kernels/cuda/kernels.h"

namespace pals::cuda {

/// The blocks for tensors on the device. Rows of text and ids are not looked at before the kernels
/// run: offsets must be right, ids outside a table give NaN and no gradient.
const Backend& backend();

/// Gives `work` the stream that x's device works on, and throws c10::Error if a launch failed.
void on_device(const at::Tensor& x, const char* block, c10::function_ref<void(Stream)> work);

}  // namespace pals::cuda

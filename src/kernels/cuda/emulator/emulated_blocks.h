// The kernels of CUDA as the emulator runs them, on CPU tensors: for tests.
#pragma once

#include "kernels/backend.h"

namespace pals {

/// To be given to set_backend(c10::DeviceType::CPU, ...).
const Backend& cuda_emulated_backend();

}  // namespace pals

// The kernels of CPU tensors, computed on another device: for tests, which so run on a GPU as they
// are.
#pragma once

#include "kernels/backend.h"

namespace pals {

/// Copies the tensors of a block to `device` (strides as they are), has `backend` compute there,
/// and copies all of them back. One at a time: a later call changes what earlier backends do.
const Backend& backend_elsewhere(at::Device device, const Backend& backend);

}  // namespace pals

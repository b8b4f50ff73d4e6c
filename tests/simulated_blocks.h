// The backend of the simulated device.
#pragma once

#include "kernels/backend.h"

namespace pals::testing {

/// The CPU's kernels on the same memory; in fp16 the plain ones.
const Backend& simulated_backend();

}  // namespace pals::testing

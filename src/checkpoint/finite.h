// Whether a tensor holds numbers only.
#pragma once

#include "checkpoint/tensor_file.h"

namespace pals {

/// Whether all values are finite as floats; true for types that are not floating point.
bool all_finite(const TensorEntry& tensor);

}  // namespace pals

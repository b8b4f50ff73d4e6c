// Tells sets of tensors apart.
#pragma once

#include <span>
#include <string>

#include "checkpoint/tensor_file.h"

namespace pals {

/// A hash of all names, types, shapes and values, whatever the order of the tensors.
std::string tensors_hash(std::span<const TensorEntry> tensors);

}  // namespace pals

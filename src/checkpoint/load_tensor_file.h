// Opens a file of tensors in whichever supported format its content shows.
#pragma once

#include <string>
#include <string_view>

#include "checkpoint/tensor_file.h"

namespace pals {

/// Maps the file and reads it as safetensors, a PyTorch zip file, or a PyTorch file from before
/// 1.6; its name plays no part. Throws Error that says what was found if it is none of these.
TensorFile load_tensor_file(const std::string& path);

/// The same for bytes in memory, which must outlive the result. `where` names them in errors.
TensorFile parse_tensor_file(std::string_view bytes, const std::string& where);

}  // namespace pals

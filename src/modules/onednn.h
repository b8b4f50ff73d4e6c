// oneDNN's operations as LibTorch registers them; they have no C++ functions.
#pragma once

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <utility>

namespace pals {

/// The tensor that the operation `name`, "mkldnn::_linear_pointwise" for one, makes of its
/// arguments.
inline at::Tensor call_onednn(const char* name, torch::jit::Stack arguments) {
  c10::Dispatcher::singleton().findSchemaOrThrow(name, "").callBoxed(arguments);
  return arguments.at(0).toTensor();
}

}  // namespace pals

// A model folder as a server answers with it.
#pragma once

#include <memory>
#include <string>

#include "nn/precision.h"
#include "serve/served_model.h"

namespace pals {

/// Loads a folder with all its tasks, and beside them the shared encoder for vectors. Throws as
/// load_model_folder.
std::shared_ptr<const ServedModel> load_served_model(const std::string& path,
                                                     const Precision& precision, at::Device device);

}  // namespace pals

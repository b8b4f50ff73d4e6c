// Models by name.
#pragma once

#include <pals/error.h>

#include <string>

namespace pals::api {

/// The folder of a model that is named hf://owner/name[@revision], fetched if need be into the
/// cache of huggingface_hub; any other text as it is. What takes a model folder calls this itself.
/// UsageError for what is no name, Error where there is no such model, or it cannot be had.
std::string local_model(const std::string& path_or_name);

}  // namespace pals::api

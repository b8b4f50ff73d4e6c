// A model by name becomes a folder.
#pragma once

#include <string>

namespace pals {

/// The folder of a model that is named hf://owner/name[@revision], in the cache that
/// huggingface_hub has, too; anything else as it is. What is missing is fetched, with a line and
/// the progress on stderr. A commit that is there whole costs no request; where the network fails,
/// what the cache has is taken, with a warning. UsageError for what is no name, Error where there
/// is no such model, or it cannot be had.
std::string local_model(const std::string& path_or_name);

}  // namespace pals

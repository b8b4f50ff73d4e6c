// What a model folder holds, and whether it is what its tasks were trained with.
#pragma once

#include <string>

#include "base/json.h"

namespace pals {

/// Tasks with their kinds, labels, metrics, adapters and parameters, sizes of the encoder and of
/// files (bytes), and the hash of the shared weights; of a folder without tasks the encoder alone.
/// Reads all weights. Throws Error as load_model_folder does, for hashes that are others too.
OrderedJson folder_facts(const std::string& path);

/// The same for people, a line each.
std::string folder_facts_text(const OrderedJson& facts);

}  // namespace pals

// Adapters in the configuration files of the reference.
#pragma once

#include <string>
#include <vector>

#include "adapters/adapter_config.h"
#include "bert/config.h"

namespace pals {

/// The reference's configuration keys, to be let through by parse_bert_config.
const std::vector<std::string>& reference_adapter_keys();

/// Reads those keys (`mult`, `pals`, `houlsby`, `lhuc`, `top`, `bert_lay_top`, `hidden_size_aug`,
/// `extra_dim`).
AdapterConfig adapter_from_reference_keys(const Json& json, const std::string& where);

/// The same the other way, with `num_tasks`. Error for what the reference does not have: other
/// kinds, adapters in some of the layers only, and a pooler for each task.
Json adapter_to_reference_keys(const AdapterConfig& config, const BertConfig& bert, int num_tasks);

}  // namespace pals

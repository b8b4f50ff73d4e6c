// Adapters in both residual blocks of a layer, after Houlsby et al. 2019 as the reference places
// them.
#pragma once

#include "adapters/module.h"

namespace pals {

/// LayerNorm(x + LowRank(x) + layer input) with x the attention's dense output after dropout, and
/// LowRank(attention output) in the output block.
void build_houlsby(const AdapterBuild& build, TaskAdapter& adapter);

/// The same with a projected attention layer of size P as the second module; the low-rank modules
/// have bottleneck_size.
void resolve_houlsby_pals(const AdapterConfig& chosen, const BertConfig& bert,
                          const std::string& where, AdapterConfig& resolved);
void build_houlsby_pals(const AdapterBuild& build, TaskAdapter& adapter);

}  // namespace pals

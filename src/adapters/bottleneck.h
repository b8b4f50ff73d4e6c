// Bottleneck adapters as the AdapterHub's library places them: behind a block's dense layer, before
// or after its LayerNorm (Houlsby et al. 2019, Pfeiffer et al. 2021).
#pragma once

#include "adapters/module.h"

namespace pals {

/// After the feed-forward's block, reading what LayerNorm makes of its sum, with relu, if they are
/// not given. `after`: attention, output or both; `reads`: dense or normalised; `activation`: as
/// BERT's configuration names it.
void resolve_bottleneck(const AdapterConfig& chosen, const BertConfig& bert,
                        const std::string& where, AdapterConfig& resolved);

/// LayerNorm(x + r + U act(D x)), or with `reads` normalised LayerNorm(x + r + U act(D LayerNorm(x
/// + r))), x a block's dense output after dropout and r its residual: `<layer prefix>bottleneck.
/// attention.` and `output.`.
void build_bottleneck(const AdapterBuild& build, TaskAdapter& adapter);

}  // namespace pals

// LoRA (Hu et al. 2021): low-rank terms within the encoder's dense layers.
#pragma once

#include "adapters/module.h"

namespace pals {

/// Rank 8, alpha 2 x rank and the targets query and value if they are not given. Targets are
/// query, key, value, attention_output, intermediate, output; `all` is every one.
void resolve_lora(const AdapterConfig& chosen, const BertConfig& bert, const std::string& where,
                  AdapterConfig& resolved);

/// A term for each target of each layer: `<layer prefix><dense layer>.lora_A` and `lora_B`.
void build_lora(const AdapterBuild& build, TaskAdapter& adapter);

}  // namespace pals

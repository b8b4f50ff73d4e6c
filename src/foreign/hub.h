// Adapters of the package adapters (AdapterHub): adapter_config.json and pytorch_adapter.bin (or
// adapter.safetensors), head_config.json and pytorch_model_head.bin (or model_head.safetensors).
#pragma once

#include <string>

#include "foreign/foreign_adapter.h"

namespace pals {

/// Bottleneck adapters as Houlsby et al. and Pfeiffer et al. place them, and LoRA. `weights` must
/// outlive the result; a scaling of a bottleneck is multiplied into new tensors in memory of its.
/// Throws Error, which names it, for what pals does not have: another architecture, LayerNorms,
/// gates, invertible adapters, sizes of single layers, DoRA, tensors of unknown name.
ForeignAdapter parse_hub_adapter(const Json& config, TensorFile& weights, const std::string& where);

/// Writes the adapter's two files, of a model of so many layers, so that the package loads them.
/// Throws Error for what it does not have.
void write_hub_adapter(const std::string& path, const ForeignAdapter& adapter, int64_t num_layers);

}  // namespace pals

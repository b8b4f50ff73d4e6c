// Prediction heads of the package adapters: head_config.json, pytorch_model_head.bin.
#pragma once

#include <string>

#include "foreign/foreign_adapter.h"

namespace pals {

/// Adds the head to an adapter: kind of task, number of outputs, labels, tensors. A head of two
/// layers with tanh between them becomes a pooler of the task's own and a classifier. `weights`
/// must outlive the adapter. Throws Error, which names it, for heads that pals does not have.
void add_hub_head(const Json& config, const TensorFile& weights, const std::string& where,
                  ForeignAdapter& adapter);

/// What both configurations of a folder begin with.
Json hub_description(const ForeignAdapter& adapter);

/// Writes the head's two files.
void write_hub_head(const std::string& path, const ForeignAdapter& adapter);

}  // namespace pals

// Adapters of the package peft: adapter_config.json and adapter_model.safetensors (or .bin).
#pragma once

#include <string>

#include "foreign/foreign_adapter.h"

namespace pals {

/// LoRA for sequence classification, token classification or questions, with its head among
/// `modules_to_save`. `weights` must outlive the result. Throws Error, which names it, for another
/// method, for what pals does not have (DoRA, rsLoRA, trained biases, ranks of their own, ...), for
/// a tensor of unknown name and without a head.
ForeignAdapter parse_peft_adapter(const Json& config, const TensorFile& weights,
                                  const std::string& where);

/// Writes the folder so that peft loads it. Throws Error for what peft or its classes of models do
/// not have.
void write_peft_folder(const std::string& path, const ForeignAdapter& adapter);

}  // namespace pals

// The names of tensors: ours (transformers' for the shared part), the reference's, and others'
// variants.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pals {

/// Our name for a tensor of a PyTorch or safetensors file: the reference's
/// (`bert.encoder.layer.0.multi_layers.1...`, `gamma`, `beta`), transformers' (with or without the
/// `bert.` prefix) or our own, after without_wrappers. Empty: the tensor has no counterpart
/// (buffers, pre-training heads).
std::string canonical_name(std::string_view file_name);

/// A name without what wraps models in PyTorch add to it: the parts `module` (DataParallel),
/// `_orig_mod` (torch.compile) and those of FSDP, and in front `model` and a doubled `bert`.
std::string without_wrappers(std::string_view file_name);

/// Whether a tensor is left out of every model on purpose: the buffers position_ids and
/// token_type_ids, and the heads of pre-training (`cls.*`). For these, canonical_name is empty.
bool is_left_out(std::string_view file_name);

/// The reference writes a task's tied D and U of projected attention under each layer's name, where
/// a low-rank matrix of the layer's own would stand. Given such a name, that of the tied matrix;
/// empty for all other names.
std::string tied_name(std::string_view canonical);

/// All names of one of our tensors in a file of the reference (tied matrices appear under each
/// layer's alias). `tied_layers` are the layers that carry the adapter.
std::vector<std::string> reference_names(std::string_view canonical,
                                         const std::vector<int>& tied_layers, bool houlsby);

}  // namespace pals

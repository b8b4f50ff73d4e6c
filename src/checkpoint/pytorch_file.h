// Reads and writes PyTorch save files: the zip format, and for reading the one before PyTorch 1.6.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "checkpoint/tensor_file.h"

namespace pals {

/// Maps a file that torch.save wrote and returns the tensors of its state dict in order: the saved
/// dict itself, the one under a key that training programs use ("state_dict", "model",
/// "model_state_dict", "state", ...), or the only one below the top. Entries that are no tensors
/// are left out, other objects beside them passed over. Contiguous tensors point into the mapping,
/// others are copied; tensors that share a storage share bytes. Nothing in the file is executed.
/// Throws Error for damaged files, without tensors, and for tensors of an unknown kind.
TensorFile read_pytorch_file(const std::string& path);

/// The same for bytes in memory, which must outlive the result. `where` names them in errors.
TensorFile parse_pytorch_file(std::string_view bytes, const std::string& where);

/// Whether the bytes begin as one of the two formats does.
bool looks_like_pytorch_zip(std::string_view bytes);
bool looks_like_pytorch_legacy(std::string_view bytes);

/// Writes a state dict in this order that torch.load (weights_only=True too) reads. Tensors over
/// the same bytes and of the same type share one storage. Throws Error for duplicate names, bytes
/// that do not fit a shape, and failing writes.
void write_pytorch_file(const std::string& path, std::span<const TensorEntry> tensors);

}  // namespace pals

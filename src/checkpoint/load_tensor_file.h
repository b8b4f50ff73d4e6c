// Opens a file of tensors in whichever supported format its content shows.
#pragma once

#include <string>
#include <string_view>

#include "checkpoint/tensor_file.h"

namespace pals {

/// The file that `path` names: itself, or, for the prefix of a TensorFlow checkpoint
/// (`bert_model.ckpt`), PATH.index. Empty if there is neither.
std::string find_tensor_file(const std::string& path);

/// The path that names the whole of which `path` is a part: the prefix of a TensorFlow data file,
/// or the index of a shard. Empty if it is no such part.
std::string whole_of_part(const std::string& path);

/// The formats of files of tensors.
enum class TensorFormat { kSafetensors, kPytorch, kPytorchLegacy, kTensorflow, kShards, kUnknown };

/// The format that the bytes show; only what marks it is looked at.
TensorFormat tensor_format(std::string_view bytes);

/// "safetensors", "PyTorch", ...
const char* format_name(TensorFormat format);

/// Maps the file that `path` names and reads it as safetensors, a PyTorch zip file, a PyTorch file
/// from before 1.6, the index of a TensorFlow checkpoint with its shards, or that of safetensors or
/// PyTorch shards; its name plays no part. Throws Error that says what was found if it is none of
/// these, and the right path for one of several shards.
TensorFile load_tensor_file(const std::string& path);

/// The same for bytes in memory, which must outlive the result; not for checkpoints that consist of
/// several files. `where` names the bytes in errors.
TensorFile parse_tensor_file(std::string_view bytes, const std::string& where);

}  // namespace pals

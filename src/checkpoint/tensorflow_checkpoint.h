// Reads TensorFlow V2 checkpoints (NAME.index, NAME.data-00000-of-0000N) of BERT.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "checkpoint/tensor_file.h"
#include "checkpoint/tensorflow_index.h"

namespace pals {

/// Maps an index and its shards, which lie beside it, and returns BERT's variables under PyTorch's
/// names (tensorflow_target): kernels transposed to [out, in], all others pointing into the
/// mapping. Left out, and counted in TensorFile::left_out, are pre-training heads, the slots of
/// any optimizer and averages (`NAME/SLOT` beside a variable NAME), and scalars, which are counters
/// and scales. Throws Error that names file and tensor for anything damaged: sizes, offsets,
/// overlaps, checksums, types.
TensorFile read_tensorflow_checkpoint(const std::string& index_path);

/// The same for bytes in memory, which must outlive the result.
TensorFile parse_tensorflow_checkpoint(std::string_view index,
                                       std::span<const std::string_view> shards,
                                       const std::string& where);

/// The same for an index that was read, or made by a test.
TensorFile make_tensorflow_file(const TensorFlowIndex& index,
                                std::span<const std::string_view> shards, const std::string& where);

/// Whether the bytes end as those of an index do.
bool looks_like_tensorflow_index(std::string_view bytes);

}  // namespace pals

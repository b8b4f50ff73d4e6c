// Weights in several files, as transformers saves large models: NAME.index.json and its shards.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/tensor_file.h"

namespace pals {

/// An index may be this long, and name as many shards.
inline constexpr uint64_t kMaxShardIndexBytes = uint64_t{16} << 20;
inline constexpr size_t kMaxShards = 1000;

/// Whether the bytes begin as an index does: a JSON object with "weight_map" near its start or end.
bool looks_like_shard_index(std::string_view bytes);

/// The files that an index names, sorted. Throws Error, starting with `where`, for other JSON, more
/// than kMaxShards files, and names that are no plain file names, which could lead out of the
/// index's folder.
std::vector<std::string> parse_shard_index(std::string_view bytes, const std::string& where);

/// Maps all shards beside an index and returns their tensors. Throws Error for a shard that is
/// missing or damaged, and if the shards together do not hold exactly what the index says where.
TensorFile read_sharded_file(const std::string& index_path);

/// For a shard (`model-00001-of-00002.safetensors`) beside an index: the index's path; else empty.
std::string index_of_shard(const std::string& path);

}  // namespace pals

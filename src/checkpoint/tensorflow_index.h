// The index of a TensorFlow V2 checkpoint: which tensors there are, and where their bytes lie.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pals {

/// TensorFlow's numbers of element types; those that are not listed here cannot be read.
enum class TensorFlowType : int {
  kFloat = 1,
  kDouble = 2,
  kInt32 = 3,
  kUInt8 = 4,
  kInt16 = 5,
  kInt8 = 6,
  kInt64 = 9,
  kBool = 10,
  kBFloat16 = 14,
  kHalf = 19,
};

/// One tensor as the index describes it; nothing is checked against the shards yet.
struct TensorFlowEntry {
  std::string name;  ///< "bert/encoder/layer_0/output/dense/kernel"
  int type = 0;      ///< a TensorFlowType, or one that is not known
  std::vector<int64_t> shape;
  uint32_t shard = 0;
  uint64_t offset = 0;  ///< of its bytes in the shard
  uint64_t size = 0;
  uint32_t checksum = 0;   ///< masked CRC-32C of its bytes
  bool is_sliced = false;  ///< stored in pieces (a partitioned variable)
};

struct TensorFlowIndex {
  uint32_t num_shards = 1;
  std::vector<TensorFlowEntry> entries;  ///< in order of their names
};

/// Reads an index in memory. Throws Error, starting with `where`, for damage, too many or too large
/// numbers, and checkpoints of big-endian machines.
TensorFlowIndex parse_tensorflow_index(std::string_view bytes, const std::string& where);

/// The same for one value of the table: that of the empty key, and that of a tensor.
uint32_t parse_tensorflow_header(std::string_view value, const std::string& where);
TensorFlowEntry parse_tensorflow_entry(std::string name, std::string_view value,
                                       const std::string& where);

}  // namespace pals

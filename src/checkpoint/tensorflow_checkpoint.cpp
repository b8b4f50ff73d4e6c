#include "checkpoint/tensorflow_checkpoint.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

#include "base/crc32c.h"
#include "base/error.h"
#include "base/text_util.h"
#include "checkpoint/leveldb_table.h"
#include "checkpoint/tensorflow_names.h"

namespace pals {
namespace {

constexpr std::string_view kIndexEnding = ".index";

std::optional<DType> dtype_of(int type) {
  switch (static_cast<TensorFlowType>(type)) {
    case TensorFlowType::kFloat:
      return DType::kF32;
    case TensorFlowType::kDouble:
      return DType::kF64;
    case TensorFlowType::kInt32:
      return DType::kI32;
    case TensorFlowType::kUInt8:
      return DType::kU8;
    case TensorFlowType::kInt16:
      return DType::kI16;
    case TensorFlowType::kInt8:
      return DType::kI8;
    case TensorFlowType::kInt64:
      return DType::kI64;
    case TensorFlowType::kBool:
      return DType::kBool;
    case TensorFlowType::kBFloat16:
      return DType::kBF16;
    case TensorFlowType::kHalf:
      return DType::kF16;
  }
  return std::nullopt;
}

/// Every tensor lies inside its shard and none overlaps another, so that the work of checking and
/// copying is bounded by the size of the files.
void check_places(const TensorFlowIndex& index, std::span<const std::string_view> shards,
                  const std::string& where) {
  std::vector<const TensorFlowEntry*> order;
  for (const TensorFlowEntry& entry : index.entries) {
    const uint64_t shard_size = shards[entry.shard].size();
    if (entry.offset > shard_size || entry.size > shard_size - entry.offset) {
      fail(where, ": tensor ", quote(entry.name), ": ", entry.size, " bytes at ", entry.offset,
           " lie outside shard ", entry.shard, " of ", shard_size,
           " bytes; the file is cut short or damaged");
    }
    if (entry.size > 0) order.push_back(&entry);
  }
  std::ranges::sort(order, [](const TensorFlowEntry* a, const TensorFlowEntry* b) {
    return std::pair(a->shard, a->offset) < std::pair(b->shard, b->offset);
  });
  for (size_t i = 1; i < order.size(); ++i) {
    const TensorFlowEntry &before = *order[i - 1], &entry = *order[i];
    if (before.shard == entry.shard && entry.offset - before.offset < before.size) {
      fail(where, ": tensor ", quote(entry.name), " overlaps ", quote(before.name),
           "; the file is damaged");
    }
  }
}

/// [rows, columns] to [columns, rows], in tiles that stay in the cache.
template <typename Element>
void transpose(const std::byte* source, std::byte* out, size_t rows, size_t columns) {
  constexpr size_t kTile = 32;
  for (size_t row = 0; row < rows; row += kTile) {
    const size_t row_end = std::min(rows, row + kTile);
    for (size_t column = 0; column < columns; column += kTile) {
      const size_t column_end = std::min(columns, column + kTile);
      for (size_t c = column; c < column_end; ++c) {
        for (size_t r = row; r < row_end; ++r) {
          std::memcpy(out + (c * rows + r) * sizeof(Element),
                      source + (r * columns + c) * sizeof(Element), sizeof(Element));
        }
      }
    }
  }
}

void transpose_into(const TensorEntry& entry, std::span<std::byte> out) {
  if (entry.bytes.empty()) return;  // the other dimension may be any number
  const auto rows = static_cast<size_t>(entry.shape[0]);
  const auto columns = static_cast<size_t>(entry.shape[1]);
  switch (dtype_size(entry.dtype)) {
    case 8:
      return transpose<uint64_t>(entry.bytes.data(), out.data(), rows, columns);
    case 4:
      return transpose<uint32_t>(entry.bytes.data(), out.data(), rows, columns);
    case 2:
      return transpose<uint16_t>(entry.bytes.data(), out.data(), rows, columns);
    default:
      return transpose<uint8_t>(entry.bytes.data(), out.data(), rows, columns);
  }
}

void add_tensor(TensorFile& file, const TensorFlowEntry& entry, TensorFlowTarget target,
                std::string_view shard, const std::string& where) {
  const auto label = [&] { return concat(where, ": tensor ", quote(entry.name)); };
  const std::optional<DType> dtype = dtype_of(entry.type);
  if (!dtype) {
    fail(label(), ": element type ", entry.type, " of TensorFlow is not supported",
         entry.name == "_CHECKPOINTABLE_OBJECT_GRAPH"
             ? "; a checkpoint of Keras objects, expected one of named variables (tf.train.Saver)"
             : "");
  }
  if (entry.is_sliced) {
    fail(label(), ": stored in pieces (a partitioned variable); save the checkpoint without a ",
         "partitioner");
  }
  const int64_t numel = checked_numel(entry.shape, *dtype);
  if (numel < 0 || static_cast<uint64_t>(numel) * dtype_size(*dtype) != entry.size) {
    fail(label(), ": ", entry.size, " bytes do not hold shape ", shape_text(entry.shape), " of ",
         dtype_name(*dtype));
  }
  const std::string_view bytes = shard.substr(entry.offset, entry.size);
  if (masked_crc32c(bytes) != entry.checksum) {
    fail(label(), ": a wrong checksum; shard ", entry.shard, " is damaged");
  }
  TensorEntry tensor = make_tensor_entry(std::move(target.name), *dtype, entry.shape, bytes.data());
  if (target.transpose && tensor.shape.size() == 2) {
    const std::span<std::byte> owned = file.allocate(tensor.bytes.size());
    transpose_into(tensor, owned);
    tensor.bytes = owned;
    std::swap(tensor.shape[0], tensor.shape[1]);
  }
  file.add(std::move(tensor), where);
}

/// Whether a variable stands beside another one whose name it continues, as an optimizer's slots
/// and averages do, or is a scalar, of which BERT has none.
bool is_beside(const TensorFlowIndex& index, const TensorFlowEntry& entry) {
  if (entry.shape.empty() && dtype_of(entry.type)) return true;
  const size_t slash = entry.name.rfind('/');
  if (slash == std::string::npos) return false;
  const std::string_view variable = std::string_view(entry.name).substr(0, slash);
  const auto found = std::ranges::lower_bound(
      index.entries, variable, {},
      [](const TensorFlowEntry& other) -> std::string_view { return other.name; });
  return found != index.entries.end() && found->name == variable;
}

std::string shard_path(const std::string& prefix, size_t shard, size_t num_shards) {
  char ending[64];
  std::snprintf(ending, sizeof(ending), ".data-%05zu-of-%05zu", shard, num_shards);
  return prefix + ending;
}

}  // namespace

TensorFile make_tensorflow_file(const TensorFlowIndex& index,
                                std::span<const std::string_view> shards,
                                const std::string& where) {
  check_places(index, shards, where);
  TensorFile file;
  for (const TensorFlowEntry& entry : index.entries) {
    TensorFlowTarget target = tensorflow_target(entry.name);
    if (target.name.empty() || is_beside(index, entry)) {
      file.leave_out();
      continue;
    }
    add_tensor(file, entry, std::move(target), shards[entry.shard], where);
  }
  return file;
}

bool looks_like_tensorflow_index(std::string_view bytes) { return looks_like_table(bytes); }

TensorFile parse_tensorflow_checkpoint(std::string_view index,
                                       std::span<const std::string_view> shards,
                                       const std::string& where) {
  const TensorFlowIndex parsed = parse_tensorflow_index(index, where);
  if (parsed.num_shards != shards.size()) {
    fail(where, ": ", parsed.num_shards, " shards, found ", shards.size());
  }
  return make_tensorflow_file(parsed, shards, where);
}

TensorFile read_tensorflow_checkpoint(const std::string& index_path) {
  const MappedFile mapping(index_path);
  const TensorFlowIndex index = parse_tensorflow_index(mapping.bytes(), index_path);
  if (!std::string_view(index_path).ends_with(kIndexEnding)) {
    fail(index_path, ": the index of a TensorFlow checkpoint, but its name does not end in ",
         kIndexEnding, ", so that its data files cannot be found");
  }
  const std::string prefix = index_path.substr(0, index_path.size() - kIndexEnding.size());
  std::vector<MappedFile> mappings;
  std::vector<std::string_view> shards;
  for (uint32_t shard = 0; shard < index.num_shards; ++shard) {
    mappings.emplace_back(shard_path(prefix, shard, index.num_shards));
    shards.push_back(mappings.back().bytes());
  }
  TensorFile file = make_tensorflow_file(index, shards, index_path);
  for (MappedFile& shard : mappings) file.keep(std::move(shard));
  return file;
}

}  // namespace pals

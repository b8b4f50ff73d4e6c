// Builds LevelDB tables and TensorFlow indices byte by byte, for the tests of their readers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/crc32c.h"

namespace pals {

template <typename Integer>
std::string fixed_bytes(Integer number) {
  return {reinterpret_cast<const char*>(&number), sizeof(number)};
}

inline std::string varint_bytes(uint64_t number) {
  std::string bytes;
  for (; number >= 0x80; number >>= 7) bytes += static_cast<char>(number | 0x80);
  return bytes + static_cast<char>(number);
}

/// The content of a block; every `interval`th key is written whole.
inline std::string table_block(const std::vector<std::pair<std::string, std::string>>& items,
                               size_t interval = 16) {
  std::string block, restarts, last;
  uint32_t count = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    const auto& [key, value] = items[i];
    size_t shared = 0;
    if (i % interval == 0) {
      restarts += fixed_bytes(static_cast<uint32_t>(block.size()));
      ++count;
    } else {
      while (shared < std::min(key.size(), last.size()) && key[shared] == last[shared]) ++shared;
    }
    block += varint_bytes(shared) + varint_bytes(key.size() - shared) + varint_bytes(value.size());
    block += key.substr(shared) + value;
    last = key;
  }
  if (count == 0) {
    restarts = fixed_bytes(uint32_t{0});
    count = 1;
  }
  return block + restarts + fixed_bytes(count);
}

/// A block with its trailer: compression, masked checksum.
inline std::string with_trailer(std::string block, char compression = 0) {
  block += compression;
  return block + fixed_bytes(masked_crc32c(block));
}

inline std::string handle_bytes(uint64_t offset, uint64_t size) {
  return varint_bytes(offset) + varint_bytes(size);
}

/// A table of these blocks, each with the last key it may hold.
inline std::string table_of_blocks(const std::vector<std::pair<std::string, std::string>>& blocks,
                                   char compression = 0) {
  std::string table;
  std::vector<std::pair<std::string, std::string>> index;
  for (const auto& [last_key, block] : blocks) {
    index.emplace_back(last_key, handle_bytes(table.size(), block.size()));
    table += with_trailer(block, compression);
  }
  const std::string meta = table_block({}), index_block = table_block(index, 1);
  std::string footer = handle_bytes(table.size(), meta.size());
  table += with_trailer(meta);
  footer += handle_bytes(table.size(), index_block.size());
  table += with_trailer(index_block);
  footer.resize(40, '\0');
  return table + footer + fixed_bytes(uint64_t{0xdb4775248b80fb57});
}

/// A table of sorted items, `block_items` to a block.
inline std::string table_bytes(const std::map<std::string, std::string>& items,
                               size_t block_items = 1000) {
  std::vector<std::pair<std::string, std::string>> blocks, block;
  for (const auto& item : items) {
    block.push_back(item);
    if (block.size() == block_items || item.first == items.rbegin()->first) {
      blocks.emplace_back(block.back().first, table_block(block, 3));
      block.clear();
    }
  }
  return table_of_blocks(blocks);
}

/// A protocol buffer field: a number, and bytes.
inline std::string proto_number(int id, uint64_t number) {
  return varint_bytes(static_cast<uint64_t>(id) << 3) + varint_bytes(number);
}
inline std::string proto_bytes(int id, const std::string& bytes) {
  return varint_bytes(static_cast<uint64_t>(id) << 3 | 2) + varint_bytes(bytes.size()) + bytes;
}
inline std::string proto_fixed32(int id, uint32_t number) {
  return varint_bytes(static_cast<uint64_t>(id) << 3 | 5) + fixed_bytes(number);
}

/// The value of a checkpoint's header, and of one of its tensors.
inline std::string bundle_header(uint64_t num_shards, uint64_t endianness = 0) {
  return proto_number(1, num_shards) + (endianness != 0 ? proto_number(2, endianness) : "") +
         proto_bytes(3, proto_number(1, 1));
}
inline std::string bundle_entry(int type, const std::vector<int64_t>& shape, uint64_t shard,
                                uint64_t offset, std::string_view bytes) {
  std::string dims;
  for (const int64_t size : shape) {
    dims += proto_bytes(2, proto_number(1, static_cast<uint64_t>(size)));
  }
  return proto_number(1, static_cast<uint64_t>(type)) + proto_bytes(2, dims) +
         proto_number(3, shard) + proto_number(4, offset) + proto_number(5, bytes.size()) +
         proto_fixed32(6, masked_crc32c(bytes));
}

}  // namespace pals

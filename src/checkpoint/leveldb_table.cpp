#include "checkpoint/leveldb_table.h"

#include <algorithm>

#include "base/crc32c.h"
#include "base/error.h"
#include "base/text_util.h"
#include "checkpoint/wire.h"

namespace pals {
namespace {

constexpr uint64_t kMagic = 0xdb4775248b80fb57;
constexpr size_t kFooterSize = 48;
constexpr size_t kTrailerSize = 5;  // compression, checksum
constexpr uint8_t kUncompressed = 0;
constexpr uint8_t kSnappy = 1;

/// Where a block lies, without its trailer.
struct BlockHandle {
  uint64_t offset = 0;
  uint64_t size = 0;
};

BlockHandle take_handle(WireReader& reader) {
  BlockHandle handle;
  handle.offset = reader.take_varint();
  handle.size = reader.take_varint();
  return handle;
}

class TableReader {
 public:
  TableReader(std::string_view bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  std::vector<TableItem> read() const {
    const std::string_view footer = bytes_.substr(bytes_.size() - kFooterSize);
    WireReader reader(footer, where_);
    const BlockHandle meta = take_handle(reader);
    const BlockHandle index = take_handle(reader);
    const uint64_t blocks_end = bytes_.size() - kFooterSize;
    std::vector<TableItem> none, blocks, items;
    // Nothing in it concerns checkpoints, but it must be whole.
    read_table_block(block_at(meta, blocks_end), where_, none);
    read_table_block(block_at(index, blocks_end), where_, blocks);
    const uint64_t data_end = std::min(meta.offset, index.offset);
    uint64_t end_of_last = 0;
    for (const TableItem& block : blocks) {
      WireReader handle_reader(block.value, where_);
      const BlockHandle handle = take_handle(handle_reader);
      if (handle.offset < end_of_last) {
        fail(where_, ": two blocks overlap at byte ", handle.offset, "; the file is damaged");
      }
      const size_t first = items.size();
      read_table_block(block_at(handle, data_end), where_, items);
      if (items.size() > first && items.back().key > block.key) {
        fail(where_, ": key ", quote(items.back().key), " lies behind its block's last, ",
             quote(block.key), "; the file is damaged");
      }
      end_of_last = handle.offset + handle.size + kTrailerSize;
    }
    return items;
  }

 private:
  /// The content of a block that ends, with its trailer, at `end` or before.
  std::string_view block_at(BlockHandle handle, uint64_t end) const {
    if (handle.offset > end || handle.size > end - handle.offset ||
        end - handle.offset - handle.size < kTrailerSize) {
      fail(where_, ": a block of ", handle.size, " bytes at ", handle.offset, " lies outside the ",
           end, " bytes for blocks; the file is cut short or damaged");
    }
    const std::string_view block = bytes_.substr(handle.offset, handle.size);
    WireReader trailer(bytes_.substr(handle.offset + handle.size, kTrailerSize), where_);
    const auto compression = trailer.take_fixed<uint8_t>();
    const auto checksum = trailer.take_fixed<uint32_t>();
    if (masked_crc32c(bytes_.substr(handle.offset, handle.size + 1)) != checksum) {
      fail(where_, ": the block at byte ", handle.offset,
           " has a wrong checksum; the file is damaged");
    }
    if (compression == kSnappy) {
      fail(where_, ": compressed with snappy, which only early versions of TensorFlow did; save ",
           "the checkpoint again with a newer one");
    }
    if (compression != kUncompressed) {
      fail(where_, ": a block of compression type ", int{compression}, ", expected none");
    }
    return block;
  }

  std::string_view bytes_;
  const std::string& where_;
};

}  // namespace

bool looks_like_table(std::string_view bytes) {
  if (bytes.size() < kFooterSize) return false;
  uint64_t magic = 0;
  std::memcpy(&magic, bytes.data() + bytes.size() - sizeof(magic), sizeof(magic));
  return magic == kMagic;
}

std::vector<TableItem> read_table(std::string_view bytes, const std::string& where) {
  if (bytes.size() > kMaxTableBytes) {
    fail(where, ": a table of ", bytes.size(), " bytes, at most ", kMaxTableBytes,
         " are read; not the index of a checkpoint?");
  }
  if (!looks_like_table(bytes)) {
    fail(where, ": no magic number at the end; the file is cut short, or not the index of a ",
         "TensorFlow checkpoint");
  }
  return TableReader(bytes, where).read();
}

// Entries (bytes shared with the last key, other bytes, bytes of the value; rest of the key; value)
// are followed by the places of those that share nothing, and their count.
void read_table_block(std::string_view block, const std::string& where,
                      std::vector<TableItem>& items) {
  const auto damaged = [&](const auto&... what) {
    fail(where, ": a block with ", what..., "; the file is damaged");
  };
  uint32_t restarts = 0;
  if (block.size() < sizeof(restarts)) damaged(block.size(), " bytes");
  std::memcpy(&restarts, block.data() + block.size() - sizeof(restarts), sizeof(restarts));
  if (restarts >= block.size() / sizeof(restarts)) damaged(restarts, " restarts");
  const size_t entries_size = block.size() - (restarts + size_t{1}) * sizeof(restarts);

  WireReader places(block.substr(entries_size, restarts * sizeof(restarts)), where);
  uint32_t next_restart = places.at_end() ? UINT32_MAX : places.take_fixed<uint32_t>();
  WireReader entries(block.substr(0, entries_size), where);
  std::string key;
  while (!entries.at_end()) {
    const uint64_t place = entries_size - entries.left();
    const uint64_t shared = entries.take_varint();
    const uint64_t other = entries.take_varint();
    const uint64_t value_size = entries.take_varint();
    if (shared > key.size()) damaged("a key that shares ", shared, " of ", key.size(), " bytes");
    if (place == next_restart) {
      if (shared != 0) damaged("a restart amid shared keys");
      next_restart = places.at_end() ? UINT32_MAX : places.take_fixed<uint32_t>();
    }
    if (other > kMaxTableKey - std::min<uint64_t>(shared, kMaxTableKey)) {
      damaged("a key of more than ", kMaxTableKey, " bytes");
    }
    key.resize(shared);
    key += entries.take(other);
    if (!items.empty() && key <= items.back().key) {
      damaged("key ", quote(key), " after ", quote(items.back().key));
    }
    if (items.size() == kMaxTableItems) damaged("more than ", kMaxTableItems, " keys");
    items.push_back({key, entries.take(value_size)});
  }
  if (next_restart != UINT32_MAX && !(next_restart == 0 && entries_size == 0)) {
    damaged("a restart where no entry begins");
  }
}

}  // namespace pals

// Reads LevelDB's sorted tables, the format of a TensorFlow checkpoint's index.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pals {

/// Limits that hold for every table; more is an Error. They lie far above a checkpoint's needs.
inline constexpr size_t kMaxTableBytes = size_t{64} << 20;
inline constexpr size_t kMaxTableItems = size_t{1} << 17;
inline constexpr size_t kMaxTableKey = size_t{1} << 10;

/// A key and its value, which points into the table.
struct TableItem {
  std::string key;
  std::string_view value;
};

/// Whether the bytes end in the magic number of a table.
bool looks_like_table(std::string_view bytes);

/// Reads a whole table in memory, which must outlive the result: the items in order of their keys.
/// Checks the checksum of each block, that blocks follow each other without overlap, that keys
/// ascend, and every size and offset. Throws Error, starting with `where`; also for compressed
/// blocks, which TensorFlow does not write.
std::vector<TableItem> read_table(std::string_view bytes, const std::string& where);

/// Appends the items of one block without its trailer. Keys must ascend, also past those already in
/// `items`. Throws Error as read_table does.
void read_table_block(std::string_view block, const std::string& where,
                      std::vector<TableItem>& items);

}  // namespace pals

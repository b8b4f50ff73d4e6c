// Fuzz target: any bytes as the index of a TensorFlow checkpoint. The first byte chooses what the
// rest is: an index, one of its blocks, or one of its values, which checksums would otherwise
// shield.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "checkpoint/leveldb_table.h"
#include "checkpoint/tensorflow_index.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    switch (data[0] % 4) {
      case 0:
        pals::parse_tensorflow_index(bytes, "fuzz");
        break;
      case 1: {
        std::vector<pals::TableItem> items;
        pals::read_table_block(bytes, "fuzz", items);
        break;
      }
      case 2:
        pals::parse_tensorflow_header(bytes, "fuzz");
        break;
      default:
        pals::parse_tensorflow_entry("x", bytes, "fuzz");
    }
  } catch (const pals::Error&) {
  }
  return 0;
}

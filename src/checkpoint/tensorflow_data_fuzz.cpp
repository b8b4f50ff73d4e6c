// Fuzz target: the shards of a TensorFlow checkpoint under entries of any kind. The input is a
// header byte, messages of an entry each (a length byte in front), and then the bytes of a shard.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/crc32c.h"
#include "base/error.h"
#include "checkpoint/tensorflow_checkpoint.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.empty()) return 0;
  const auto header = static_cast<uint8_t>(bytes[0]);
  bytes.remove_prefix(1);
  pals::TensorFlowIndex index;
  index.num_shards = 1 + header % 2;
  try {
    for (int entries = header >> 1 & 7; entries > 0 && !bytes.empty(); --entries) {
      const size_t length = std::min<size_t>(static_cast<uint8_t>(bytes[0]), bytes.size() - 1);
      const std::string name = std::string("v") + static_cast<char>('0' + entries) + "/kernel";
      pals::TensorFlowEntry entry =
          pals::parse_tensorflow_entry(name, bytes.substr(1, length), "fuzz");
      entry.shard %= index.num_shards;
      index.entries.push_back(entry);
      bytes.remove_prefix(1 + length);
    }
    const std::vector<std::string_view> shards(index.num_shards, bytes);
    if ((header & 0x80) != 0) {  // right checksums, to get behind them
      for (pals::TensorFlowEntry& entry : index.entries) {
        if (entry.offset <= bytes.size() && entry.size <= bytes.size() - entry.offset) {
          entry.checksum = pals::masked_crc32c(bytes.substr(entry.offset, entry.size));
        }
      }
    }
    pals::make_tensorflow_file(index, shards, "fuzz");
  } catch (const pals::Error&) {
  }
  return 0;
}

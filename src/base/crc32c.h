// CRC-32C (Castagnoli), the checksum of LevelDB tables, TensorFlow's files and its event logs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pals {

/// The checksum of `bytes` following those that gave `previous` (0: none), so that a stream can be
/// summed in pieces. Uses the processor's instruction where it has one.
uint32_t crc32c(std::string_view bytes, uint32_t previous = 0);

/// The same without special instructions, for processors that lack them.
uint32_t crc32c_portable(std::string_view bytes, uint32_t previous = 0);

/// What LevelDB and TensorFlow store in place of the checksum itself: rotated and shifted, so that
/// the checksum of data which holds checksums is not a special value.
uint32_t masked_crc32c(std::string_view bytes);

}  // namespace pals

// Reads and writes the safetensors format: a JSON header and one buffer without holes.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "checkpoint/tensor_file.h"

namespace pals {

/// A header may be this long, as in the format's own reader.
inline constexpr uint64_t kMaxSafetensorsHeader = 100'000'000;

/// Maps a safetensors file; tensors point into the mapping, in buffer order. Throws Error, naming
/// the file and tensor, for anything the format does not allow: sizes that differ from shape times
/// type, overlaps, holes, offsets outside the buffer, duplicate names, unknown types.
TensorFile read_safetensors(const std::string& path);

/// The same for bytes in memory, which must outlive the result. `where` names them in errors.
TensorFile parse_safetensors(std::string_view bytes, const std::string& where);

/// Whether the bytes begin as a safetensors file does: a length within bounds, then '{'.
bool looks_like_safetensors(std::string_view bytes);

/// Writes the tensors through AtomicFile: largest element type first and then by name, so that the
/// same tensors give the same bytes and each starts at a multiple of its element size. Throws Error
/// for duplicate names, bytes that do not fit a shape, and failing writes.
void write_safetensors(const std::string& path, std::span<const TensorEntry> tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// The same with a checksum over header and tensors, made while they are written, as the first of
/// the metadata ("checksum", which `metadata` must not have).
void write_checked_safetensors(const std::string& path, std::span<const TensorEntry> tensors,
                               const std::map<std::string, std::string>& metadata);

/// Whether a file's bytes have such a checksum. Throws Error if it is not theirs.
bool verify_checksum(std::string_view bytes, const std::string& where);

}  // namespace pals

// Reads and writes zip archives of stored (uncompressed) entries, the container of PyTorch files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"

namespace pals {

/// A file inside an archive; the bytes point into the archive.
struct ZipEntry {
  std::string name;
  std::string_view bytes;
};

/// Reads the directory of an archive in memory and checks every byte: checksums, agreement of the
/// two headers of each entry, no overlaps, no duplicate names, no names that leave the archive
/// ("/x", "../x", "a\\b"), no encryption. Zip64 is read. Folders are left out.
/// Throws Error, starting with `where`; also for compressed entries, which PyTorch never writes.
std::vector<ZipEntry> read_stored_zip(std::string_view archive, const std::string& where);

/// Writes an archive through AtomicFile. Contents start at multiples of 64 bytes, as PyTorch's do,
/// and the same entries always give the same bytes.
class ZipWriter {
 public:
  /// With `force_zip64` the 64-bit fields are used where 32 bits would do.
  explicit ZipWriter(const std::string& path, bool force_zip64 = false);

  /// Throws Error when the system refuses to write.
  void add(const std::string& name, std::string_view bytes);

  /// Writes the directory and puts the file in place.
  void commit();

 private:
  struct Written {
    std::string name;
    uint32_t checksum;
    uint64_t size;
    uint64_t offset;
  };

  bool is_large(uint64_t number) const;
  void write(std::string_view bytes);

  AtomicFile file_;
  bool force_zip64_;
  uint64_t position_ = 0;
  std::vector<Written> entries_;
};

}  // namespace pals

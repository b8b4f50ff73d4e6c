// Tar archives in memory, of plain files with short names: what `tar -c` makes of a task's folder.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pals {

struct TarEntry {
  std::string name;        ///< "adapters/sst/pals_adapter.json": relative, without "." and ".."
  std::string_view bytes;  ///< point into the archive
};

/// The files of an archive, at most 1000; folders are left out. Reads ustar, and GNU's and POSIX's
/// long names. Throws Error, starting with `where`, for a wrong checksum, sizes beyond the archive,
/// links and devices, names that leave the archive, and names that come twice.
std::vector<TarEntry> read_tar(std::string_view archive, const std::string& where);

}  // namespace pals

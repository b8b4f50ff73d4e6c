// Compressed data files, gzip's and zstd's, told by their first bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/file.h"

namespace pals {

enum class Compression { kNone, kGzip, kZstd };

/// How a file that starts so is compressed. No text in UTF-8 starts as a compressed file does.
Compression compression_of(std::string_view start);

/// Whether four bytes or fewer could go on as the start of a compressed file.
bool may_be_compressed(std::string_view start);

/// Unpacks compressed bytes as they come: one or several gzip members or zstd frames.
class Unpacker {
 public:
  /// `where` names the file in errors; not kNone.
  Unpacker(Compression compression, std::string where);
  ~Unpacker();
  Unpacker(Unpacker&&) noexcept;
  Unpacker& operator=(Unpacker&&) noexcept;

  /// Appends what the next bytes of the file hold. Throws Error for damaged data, and for a file
  /// that expands to more than 64 MiB and 100 times its size.
  void add(std::string_view bytes, std::string& content);

  /// Throws Error if the file ended within its data.
  void finish() const;

 private:
  class Engine;
  class Gzip;
  class Zstd;

  void check_size() const;

  std::string where_;
  std::unique_ptr<Engine> engine_;
  uint64_t taken_ = 0, given_ = 0;  // bytes
};

/// The content of a regular file, unpacked if it is compressed, for as long as the object lives.
class UnpackedFile {
 public:
  /// Throws Error as MappedFile and Unpacker do.
  explicit UnpackedFile(const std::string& path);

  std::string_view bytes() const { return packed_ ? std::string_view(content_) : file_.bytes(); }
  const std::string& path() const { return file_.path(); }

 private:
  MappedFile file_;
  bool packed_;
  std::string content_;
};

}  // namespace pals

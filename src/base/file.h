// Files: whole reads with a limit, read-only maps, and writes that appear complete or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pals {

/// The bytes of a file, at most `max_bytes` of them. Reads pipes and devices too.
/// Throws Error if it cannot be opened or read, is a folder, or is larger.
std::string read_file(const std::string& path, uint64_t max_bytes);

/// A regular file mapped read-only for as long as this object lives; movable. The file must not be
/// shortened meanwhile (writers that replace it by renaming, as AtomicFile does, are harmless).
class MappedFile {
 public:
  /// Throws Error if it is missing, a folder, not a regular file, or cannot be mapped.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  /// The whole content; empty for an empty file.
  std::string_view bytes() const { return {data_, size_}; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  const char* data_ = nullptr;
  size_t size_ = 0;
};

/// Writes a file beside its final name and renames it into place on commit(): readers see the old
/// content or the new one, also after a crash. Without commit() the destructor leaves no trace.
class AtomicFile {
 public:
  /// Throws Error if `path` is a folder or its folder cannot be written to.
  explicit AtomicFile(const std::string& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends. Throws Error naming the path when the system refuses (full disk, limit); the partial
  /// file is gone by then.
  void write(const void* data, size_t size);
  void write(std::string_view bytes) { write(bytes.data(), bytes.size()); }

  /// Overwrites bytes that were written before, from `offset` on: a header whose content is known
  /// last. Throws Error as write() does.
  void write_at(uint64_t offset, std::string_view bytes);

  /// Flushes to the disk, renames over `path`, and flushes the folder. Throws Error as write()
  /// does.
  void commit();

 private:
  void flush_buffer();
  void write_through(const char* data, size_t size);
  void discard() noexcept;
  [[noreturn]] void fail_and_discard(int error_number);

  std::string path_;
  std::string temporary_path_;
  std::string buffer_;
  int descriptor_ = -1;
};

/// AtomicFile with the content at hand.
void write_file_atomically(const std::string& path, std::string_view bytes);

/// Makes a folder and those above it; fine if it exists. Throws Error, and UsageError as
/// refuse_file_name().
void make_directories(const std::string& path);

/// Whether something other than a folder lies at `path` (links are followed).
bool file_exists(const std::string& path);

/// Whether a folder lies at `path` (links are followed).
bool directory_exists(const std::string& path);

/// The names in a folder, sorted bytewise, without "." and "..". Throws Error.
std::vector<std::string> list_directory(const std::string& path);

}  // namespace pals

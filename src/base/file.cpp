#include "base/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/output_path.h"

namespace pals {
namespace {

constexpr size_t kWriteBuffer = size_t{1} << 20;

std::string error_text(int error_number) {
  std::string text = std::generic_category().message(error_number);
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      return text + " (free some space or choose another folder)";
    case EFBIG:
      return text + " (the file size limit of this process or file system is reached)";
    case EACCES:
    case EPERM:
    case EROFS:
      return text + " (check the permissions)";
    default:
      return text;
  }
}

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return number_; }

 private:
  int number_;
};

// A NUL inside a path (it may come from a JSON file) would silently name another file.
void check_path(const std::string& path) {
  if (path.empty()) fail("an empty file name was given");
  if (path.find('\0') != std::string::npos) {
    fail(std::string(path.c_str()), "...: the file name contains a NUL character");
  }
}

int open_for_reading(const std::string& path, struct stat& status) {
  check_path(path);
  int descriptor = -1;
  do {
    descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  } while (descriptor < 0 && errno == EINTR);
  if (descriptor < 0) fail("cannot open ", path, ": ", error_text(errno));
  if (::fstat(descriptor, &status) != 0) {
    const int error_number = errno;
    ::close(descriptor);
    fail("cannot read ", path, ": ", error_text(error_number));
  }
  if (S_ISDIR(status.st_mode)) {
    ::close(descriptor);
    fail("cannot read ", path, ": it is a folder, expected a file");
  }
  return descriptor;
}

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

// Makes a rename durable. Some file systems (network, FUSE) cannot sync a folder: not an error.
int sync_folder(const std::string& folder) {
  const Descriptor descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (descriptor.get() < 0) return errno == EACCES ? 0 : errno;
  if (::fsync(descriptor.get()) == 0 || errno == EINVAL || errno == ENOTSUP) return 0;
  return errno;
}

}  // namespace

std::string read_file(const std::string& path, uint64_t max_bytes) {
  struct stat status {};
  const Descriptor descriptor(open_for_reading(path, status));
  const auto refuse_size = [&](const auto& size) {
    fail("cannot read ", path, ": it has ", size, " bytes, at most ", max_bytes,
         " are allowed here");
  };
  uint64_t expected = 0;
  if (S_ISREG(status.st_mode)) {
    expected = static_cast<uint64_t>(status.st_size);
    if (expected > max_bytes) refuse_size(expected);
  }
  // The size is only a hint: pipes and /proc report 0, and a file may grow while it is read. One
  // byte more than expected is asked for, so that the end shows without growing the string.
  std::string content;
  size_t size = 0;
  for (;;) {
    if (size == content.size()) {
      const size_t wanted = size == 0 ? static_cast<size_t>(expected) + 1 : size * 2;
      content.resize(std::max<size_t>(wanted, 4096));
    }
    const ssize_t got = ::read(descriptor.get(), content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("cannot read ", path, ": ", error_text(errno));
    if (got == 0) break;
    size += static_cast<size_t>(got);
    if (size > max_bytes) refuse_size(concat("more than ", max_bytes));
  }
  content.resize(size);
  return content;
}

MappedFile::MappedFile(const std::string& path) : path_(path) {
  struct stat status {};
  const Descriptor descriptor(open_for_reading(path, status));
  if (!S_ISREG(status.st_mode)) fail("cannot map ", path, ": it is not a regular file");
  size_ = static_cast<size_t>(status.st_size);
  if (size_ == 0) return;
  void* data = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor.get(), 0);
  if (data == MAP_FAILED) fail("cannot map ", path, ": ", error_text(errno));
  data_ = static_cast<const char*>(data);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<char*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  MappedFile taken(std::move(other));
  std::swap(path_, taken.path_);
  std::swap(data_, taken.data_);
  std::swap(size_, taken.size_);
  return *this;
}

AtomicFile::AtomicFile(const std::string& path) : path_(path) {
  check_path(path);
  OutputPlace place = find_output_place(path);
  descriptor_ = place.descriptor;
  if (descriptor_ >= 0) return;  // written through: there is no temporary file
  path_ = std::move(place.path);
  for (;;) {
    temporary_path_ = temporary_name(path_);
    descriptor_ =
        ::open(temporary_path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode_t{0666});
    if (descriptor_ >= 0) return;
    if (errno != EEXIST && errno != EINTR) fail("cannot write ", path, ": ", error_text(errno));
  }
}

AtomicFile::~AtomicFile() { discard(); }

void AtomicFile::discard() noexcept {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  descriptor_ = -1;
  if (!temporary_path_.empty()) ::unlink(temporary_path_.c_str());
}

void AtomicFile::fail_and_discard(int error_number) {
  discard();
  fail("cannot write ", path_, ": ", error_text(error_number));
}

void AtomicFile::write_through(const char* data, size_t size) {
  while (size > 0) {
    const ssize_t written = ::write(descriptor_, data, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_and_discard(errno);
    if (written == 0) fail_and_discard(EIO);
    data += written;
    size -= static_cast<size_t>(written);
  }
}

void AtomicFile::flush_buffer() {
  write_through(buffer_.data(), buffer_.size());
  buffer_.clear();
}

void AtomicFile::write(const void* data, size_t size) {
  if (descriptor_ < 0) throw std::logic_error("write to a finished AtomicFile: " + path_);
  const char* bytes = static_cast<const char*>(data);
  if (temporary_path_.empty()) return write_through(bytes, size);  // whoever reads it waits
  if (buffer_.size() + size > kWriteBuffer) {
    flush_buffer();
    if (size >= kWriteBuffer) return write_through(bytes, size);
  }
  buffer_.append(bytes, size);
}

void AtomicFile::write_at(uint64_t offset, std::string_view bytes) {
  if (descriptor_ < 0) throw std::logic_error("write to a finished AtomicFile: " + path_);
  flush_buffer();
  if (::lseek(descriptor_, static_cast<off_t>(offset), SEEK_SET) < 0) fail_and_discard(errno);
  write_through(bytes.data(), bytes.size());
  if (::lseek(descriptor_, 0, SEEK_END) < 0) fail_and_discard(errno);
}

void AtomicFile::commit() {
  if (descriptor_ < 0) throw std::logic_error("commit of a finished AtomicFile: " + path_);
  flush_buffer();
  const bool through = temporary_path_.empty();
  if (!through && ::fsync(descriptor_) != 0 && errno != EINVAL) fail_and_discard(errno);
  // Quotas on network file systems may show only here.
  const int closed = ::close(std::exchange(descriptor_, -1));
  int error_number = closed == 0 || errno == EINTR ? 0 : errno;
  if (!through && error_number == 0 && ::rename(temporary_path_.c_str(), path_.c_str()) != 0) {
    error_number = errno;
  }
  if (error_number != 0) {
    if (!through) ::unlink(temporary_path_.c_str());
    fail("cannot write ", path_, ": ", error_text(error_number));
  }
  if (through) return;
  error_number = sync_folder(folder_of(path_));
  if (error_number != 0) {
    fail("cannot flush the folder of ", path_, " to the disk: ", error_text(error_number));
  }
}

void write_file_atomically(const std::string& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

void make_directories(const std::string& path) {
  check_path(path);
  if (directory_exists(path)) return;
  refuse_file_name(path);
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) fail("cannot make the folder ", path, ": ", error_text(error.value()));
  // A dangling link or a file with that name and a final slash can slip through without an error.
  if (!directory_exists(path)) fail("cannot make the folder ", path, ": a file is in its place");
}

bool file_exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && !S_ISDIR(status.st_mode);
}

bool directory_exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

std::vector<std::string> list_directory(const std::string& path) {
  check_path(path);
  DIR* folder = ::opendir(path.c_str());
  if (folder == nullptr) fail("cannot list the folder ", path, ": ", error_text(errno));
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(folder)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  const int error_number = errno;
  ::closedir(folder);
  if (error_number != 0) fail("cannot list the folder ", path, ": ", error_text(error_number));
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace pals

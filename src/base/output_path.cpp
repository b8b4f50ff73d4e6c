#include "base/output_path.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

#include "base/error.h"
#include "base/file.h"
#include "base/text_util.h"

namespace pals {
namespace {

namespace fs = std::filesystem;

constexpr int kMostLinks = 40;  // as Linux
constexpr std::string_view kTemporary = ".tmp.";

[[noreturn]] void fail_to_open(const std::string& path, int error_number) {
  fail("cannot write ", path, ": ", std::strerror(error_number),
       error_number == ENOENT ? "; make the folder first" : "");
}

/// The number in "/dev/fd/1" or "/proc/self/fd/1", which /dev/stdout leads to.
std::optional<int> own_descriptor(std::string_view path) {
  for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!path.starts_with(folder)) continue;
    const std::optional<int64_t> number = parse_int(path.substr(folder.size()));
    if (number && *number >= 0 && *number < (1 << 20)) return static_cast<int>(*number);
  }
  return std::nullopt;
}

/// Follows links one by one. A name in a chain that stands for an open file of this process is not
/// followed further: that file has a position, and others may be writing to it.
std::string follow_links(const std::string& path) {
  std::string place = path;
  for (int links = 0; !own_descriptor(place); ++links) {
    std::error_code error;
    if (fs::symlink_status(place, error).type() != fs::file_type::symlink) return place;
    if (links == kMostLinks) fail_to_open(path, ELOOP);
    const fs::path target = fs::read_symlink(place, error);
    if (error) fail_to_open(path, error.value());
    place = (fs::path(place).parent_path() / target).string();  // a whole path replaces the folder
  }
  return place;
}

/// The process that made a temporary name; nothing for other names.
std::optional<pid_t> maker_of(std::string_view name) {
  const size_t at = name.rfind(kTemporary);
  if (at == std::string_view::npos || at == 0) return std::nullopt;
  const std::string_view numbers = name.substr(at + kTemporary.size());
  const size_t dot = numbers.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::optional<int64_t> pid = parse_int(numbers.substr(0, dot));
  const std::optional<int64_t> number = parse_int(numbers.substr(dot + 1));
  if (!pid || !number || *pid <= 0 || *pid > INT32_MAX || *number <= 0) return std::nullopt;
  return static_cast<pid_t>(*pid);
}

bool is_gone(pid_t process) {
  return process == ::getpid() || (::kill(process, 0) != 0 && errno == ESRCH);
}

}  // namespace

OutputPlace find_output_place(const std::string& path) {
  const std::string place = follow_links(path);
  int descriptor = -1;
  if (const std::optional<int> own = own_descriptor(place)) {
    descriptor = ::fcntl(*own, F_DUPFD_CLOEXEC, 0);
  } else {
    struct stat status {};
    if (::stat(place.c_str(), &status) != 0 || S_ISREG(status.st_mode)) return {place};
    if (S_ISDIR(status.st_mode)) fail("cannot write ", path, ": it is a folder, expected a file");
    descriptor = ::open(place.c_str(), O_WRONLY | O_CLOEXEC);
  }
  if (descriptor < 0) fail_to_open(path, errno);
  return {place, descriptor};
}

void require_seekable_output(const std::string& path) {
  const std::string place = follow_links(path);
  struct stat status {};
  const bool exists = ::stat(place.c_str(), &status) == 0;
  const bool can_seek = !exists || S_ISREG(status.st_mode) || S_ISCHR(status.st_mode);
  if (can_seek && !own_descriptor(place)) return;
  fail("cannot write ", path,
       ": what is written here begins with what is known last; expected a regular file");
}

void require_writable_output(const std::string& path) {
  const std::string place = follow_links(path);
  if (own_descriptor(place)) return;
  struct stat status {};
  const bool exists = ::stat(place.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) fail_to_open(path, EISDIR);
  const fs::path parent = fs::path(place).parent_path();
  const bool is_replaced = !exists || S_ISREG(status.st_mode);
  const std::string written = !is_replaced ? place : parent.empty() ? "." : parent.string();
  if (::access(written.c_str(), is_replaced ? W_OK | X_OK : W_OK) != 0) fail_to_open(path, errno);
}

bool has_onnx_ending(const std::string& path) {
  const size_t end = path.find_last_not_of('/');
  return end != std::string::npos && ascii_lower(path.substr(0, end + 1)).ends_with(".onnx");
}

void refuse_file_name(const std::string& path) {
  const std::string name = is_temporary_name(path) ? path.substr(0, path.rfind(kTemporary)) : path;
  if (!has_onnx_ending(name)) return;
  fail_usage("cannot make the folder ", quote(name, 100), ": it is the name of an ONNX file; ",
             "choose another name (pals export writes ONNX files)");
}

std::string temporary_name(const std::string& path) {
  static std::atomic<uint64_t> counter{0};
  // Of "a/" it is beside a, not within it.
  const size_t last = path.find_last_not_of('/');
  const std::string name = last == std::string::npos ? path : path.substr(0, last + 1);
  return concat(name, kTemporary, ::getpid(), ".", ++counter);
}

bool is_temporary_name(const std::string& name) { return maker_of(name).has_value(); }

void remove_dead_temporaries(const std::string& folder) {
  if (!directory_exists(folder)) return;
  for (const std::string& name : list_directory(folder)) {
    const std::optional<pid_t> maker = maker_of(name);
    std::error_code ignored;
    if (maker && is_gone(*maker)) fs::remove_all(fs::path(folder) / name, ignored);
  }
}

bool same_file(const std::string& one, const std::string& other) {
  struct stat first {
  }, second{};
  return ::stat(one.c_str(), &first) == 0 && ::stat(other.c_str(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

void refuse_to_overwrite(const std::string& input, const std::string& output, const char* flag) {
  const bool standard = input.empty() || input == "-";
  if (!same_file(standard ? "/dev/stdin" : input, output)) return;
  if (!fs::is_regular_file(output) && !fs::is_directory(output)) return;  // a terminal, a socket
  fail_usage(flag, " ", output, " is the input itself, which would be lost; choose another name");
}

bool lies_in(const std::string& path, const std::string& folder) {
  if (path.empty() || folder.empty()) return false;
  // Of "a/" the last part is empty.
  const auto plain = [](const std::string& name) {
    const fs::path whole = fs::weakly_canonical(fs::absolute(name));
    return whole.has_filename() ? whole : whole.parent_path();
  };
  const fs::path inner = plain(path), outer = plain(folder);
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

void refuse_output_in(const std::string& input, const std::string& output, const char* flag) {
  refuse_to_overwrite(input, output, flag);
  if (!lies_in(output, input)) return;
  fail_usage(flag, " ", output, " lies in ", input,
             ", which is read and stays as it is; choose another folder");
}

}  // namespace pals

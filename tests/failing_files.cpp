// A library to be preloaded into a program: at the n-th operation on files below a folder it fails,
// does half of it, is interrupted, or ends the process, as full disks, signals and crashes do.
//
//   PALS_FAULT_UNDER  the folder; operations elsewhere are left alone
//   PALS_FAULT        ACTION:N, N counted from 1; ACTION is
//                       fail       the operation is refused: no space left
//                       short      a write does half (others: as usual)
//                       interrupt  the operation is interrupted by a signal, which happens once
//                       kill       the process is killed; of a write, half has been done
//   PALS_FAULT_LOG    a file that gets a line for each operation
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

enum class Action { kNone, kFail, kShort, kInterrupt, kKill };

template <typename Function>
Function real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

std::string_view setting(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool is_under(std::string_view path) {
  const std::string_view folder = setting("PALS_FAULT_UNDER");
  return !folder.empty() && path.starts_with(folder);
}

std::string path_of(int descriptor) {
  char path[4096];
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  const ssize_t size = ::readlink(link.c_str(), path, sizeof(path));
  return size < 0 ? std::string() : std::string(path, static_cast<size_t>(size));
}

void log_operation(const char* operation, std::string_view path) {
  const std::string file(setting("PALS_FAULT_LOG"));
  if (file.empty()) return;
  std::string line(operation);
  line.append(" ").append(path).append("\n");
  const auto open_file = real<int (*)(const char*, int, ...)>("open");
  const auto write_file = real<ssize_t (*)(int, const void*, size_t)>("write");
  const int log = open_file(file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
  if (log < 0 || write_file(log, line.data(), line.size()) < 0) std::abort();
  ::close(log);
}

/// What befalls this operation, which is counted.
Action next_action(const char* operation, std::string_view path) {
  if (!is_under(path)) return Action::kNone;
  log_operation(operation, path);
  static std::atomic<long> count{0};
  const std::string_view fault = setting("PALS_FAULT");
  const size_t colon = fault.find(':');
  if (colon == std::string_view::npos) return Action::kNone;
  if (++count != std::atol(fault.data() + colon + 1)) return Action::kNone;
  const std::string_view name = fault.substr(0, colon);
  if (name == "fail") return Action::kFail;
  if (name == "short") return Action::kShort;
  if (name == "interrupt") return Action::kInterrupt;
  if (name == "kill") return Action::kKill;
  std::abort();
}

/// Whether the operation is not done; errno says why.
bool is_prevented(Action action) {
  if (action == Action::kKill) ::raise(SIGKILL);
  if (action != Action::kFail && action != Action::kInterrupt) return false;
  errno = action == Action::kFail ? ENOSPC : EINTR;
  return true;
}

bool is_prevented(const char* operation, std::string_view path) {
  return is_prevented(next_action(operation, path));
}

mode_t mode_of(int flags, va_list arguments) {
  return (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  const bool writes = (flags & O_ACCMODE) != O_RDONLY;
  if (writes && is_prevented("open", path)) return -1;
  return real<int (*)(const char*, int, ...)>("open")(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open(path, flags, mode);
}

ssize_t write(int descriptor, const void* data, size_t size) {
  const auto write_file = real<ssize_t (*)(int, const void*, size_t)>("write");
  const Action action = next_action("write", path_of(descriptor));
  if (action == Action::kShort && size > 1) return write_file(descriptor, data, size / 2);
  if (action == Action::kKill && write_file(descriptor, data, size / 2) < 0) std::abort();
  return is_prevented(action) ? -1 : write_file(descriptor, data, size);
}

ssize_t writev(int descriptor, const iovec* parts, int count) {
  if (is_prevented("writev", path_of(descriptor))) return -1;
  return real<ssize_t (*)(int, const iovec*, int)>("writev")(descriptor, parts, count);
}

int fsync(int descriptor) {
  if (is_prevented("fsync", path_of(descriptor))) return -1;
  return real<int (*)(int)>("fsync")(descriptor);
}

int rename(const char* from, const char* to) {
  if (is_prevented("rename", to)) return -1;
  return real<int (*)(const char*, const char*)>("rename")(from, to);
}

int link(const char* from, const char* to) {
  if (is_prevented("link", to)) return -1;
  return real<int (*)(const char*, const char*)>("link")(from, to);
}

int mkdir(const char* path, mode_t mode) {
  if (is_prevented("mkdir", path)) return -1;
  return real<int (*)(const char*, mode_t)>("mkdir")(path, mode);
}

int unlink(const char* path) {
  if (is_prevented("unlink", path)) return -1;
  return real<int (*)(const char*)>("unlink")(path);
}

int remove(const char* path) {
  if (is_prevented("remove", path)) return -1;
  return real<int (*)(const char*)>("remove")(path);
}

// Folders are exchanged by a system call that has no function of its own everywhere.
long syscall(long number, ...) {
  va_list arguments;
  va_start(arguments, number);
  long values[6];
  for (long& value : values) value = va_arg(arguments, long);
  va_end(arguments);
  if (number == SYS_renameat2 &&
      is_prevented("exchange", reinterpret_cast<const char*>(values[3]))) {
    return -1;
  }
  return real<long (*)(long, ...)>("syscall")(number, values[0], values[1], values[2], values[3],
                                              values[4], values[5]);
}
}

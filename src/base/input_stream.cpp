#include "base/input_stream.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/error.h"

namespace pals {
namespace {

std::string error_text(int error_number) { return std::generic_category().message(error_number); }

}  // namespace

InputStream::InputStream(const std::string& path, std::stop_token stop)
    : name_(path), stop_(std::move(stop)) {
  if (path.empty() || path == "-") {
    name_ = "standard input";
    return;
  }
  if (path.find('\0') != std::string::npos) fail("cannot read a path with a zero byte in it");
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) fail("cannot read ", path, ": ", error_text(errno));
  struct stat status {};
  if (::fstat(descriptor_, &status) == 0 && S_ISDIR(status.st_mode)) {
    ::close(descriptor_);
    fail("cannot read ", path, ": it is a folder, expected a file");
  }
}

InputStream::~InputStream() {
  if (descriptor_ > 0) ::close(descriptor_);
}

bool InputStream::read(std::string& buffer, size_t most) {
  const size_t size = buffer.size();
  buffer.resize(size + most);
  ssize_t got = -1;
  do {
    got = ::read(descriptor_, buffer.data() + size, most);
  } while (got < 0 && errno == EINTR);
  const int error_number = errno;
  buffer.resize(size + static_cast<size_t>(got > 0 ? got : 0));
  if (got < 0) fail("cannot read ", name_, ": ", error_text(error_number));
  return got > 0;
}

bool InputStream::at_hand(int milliseconds) const {
  pollfd wanted{.fd = descriptor_, .events = POLLIN, .revents = 0};
  // An interruption counts as nothing there: the caller looks again. What poll() cannot watch is
  // left to read(), which says what is wrong.
  const int ready = ::poll(&wanted, 1, milliseconds);
  return ready > 0 || (ready < 0 && errno != EINTR);
}

bool InputStream::wait() const {
  constexpr int kWaitMilliseconds = 100;
  while (!at_hand(kWaitMilliseconds)) {
    if (stop_.stop_requested()) return false;
  }
  return true;
}

}  // namespace pals

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

constexpr int kWaitMilliseconds = 100;  // between looks at the stop token

std::string reason_of(int error_number) { return std::generic_category().message(error_number); }

}  // namespace

InputStream::InputStream(const std::string& path, std::stop_token stop)
    : name_(path), stop_(std::move(stop)) {
  if (path.empty() || path == "-") {
    name_ = "standard input";
    return;
  }
  if (path.find('\0') != std::string::npos) fail("cannot read a path with a zero byte in it");
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) fail("cannot read ", path, ": ", reason_of(errno));
  struct stat status {};
  if (::fstat(descriptor_, &status) == 0 && S_ISDIR(status.st_mode)) {
    ::close(descriptor_);
    fail("cannot read ", path, ": it is a folder, expected a file");
  }
}

InputStream::~InputStream() {
  if (descriptor_ > 0) ::close(descriptor_);
}

uint64_t InputStream::size() const {
  struct stat status {};
  if (descriptor_ == 0 || ::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    fail(name_, ": its size is not known; expected a regular file");
  }
  InputStream whole(name_, stop_);
  whole.look_ahead();
  if (!whole.unpacker_) return static_cast<uint64_t>(status.st_size);
  uint64_t bytes = 0;
  do {
    if (stop_.stop_requested()) fail(name_, ": stopped");
    bytes += whole.ahead().size();
    whole.begin_ = whole.ahead_.size();
  } while (whole.look_ahead());
  return bytes;
}

size_t InputStream::read_raw(std::string& buffer, size_t most) const {
  const size_t size = buffer.size();
  buffer.resize(size + most);
  ssize_t got = -1;
  do {
    got = ::read(descriptor_, buffer.data() + size, most);
  } while (got < 0 && errno == EINTR);
  const int error_number = errno;
  buffer.resize(size + static_cast<size_t>(got > 0 ? got : 0));
  if (got < 0) fail("cannot read ", name_, ": ", reason_of(error_number));
  return static_cast<size_t>(got);
}

// Reads a piece of the file, of which nothing or much may come.
void InputStream::take_raw() {
  constexpr size_t kRawBytes = size_t{1} << 14;
  std::string raw = std::move(start_);
  start_.clear();
  ended_ = read_raw(raw, kRawBytes) == 0;
  if (!plain_ && !unpacker_) {
    const Compression compression = compression_of(raw);
    if (compression != Compression::kNone) {
      unpacker_.emplace(compression, name_);
    } else if (!ended_ && may_be_compressed(raw)) {
      start_ = std::move(raw);
      return;
    } else {
      plain_ = true;
    }
  }
  if (begin_ == ahead_.size()) {
    ahead_.clear();
    begin_ = 0;
  }
  if (!unpacker_) {
    ahead_ += raw;
    return;
  }
  unpacker_->add(raw, ahead_);
  if (ended_) unpacker_->finish();
}

bool InputStream::look_ahead() {
  const size_t before = ahead().size();
  while (!ended_ && ahead().size() == before) {
    while (!poll(kWaitMilliseconds)) {
      if (stop_.stop_requested()) fail(name_, ": stopped");
    }
    take_raw();
  }
  return ahead().size() > before;
}

bool InputStream::read(std::string& buffer, size_t most) {
  if (ahead().empty() && plain_ && !ended_) {
    ended_ = read_raw(buffer, most) == 0;
    return !ended_;
  }
  if (ahead().empty() && !look_ahead()) return false;
  const std::string_view piece = ahead().substr(0, most);
  buffer += piece;
  begin_ += piece.size();
  return true;
}

bool InputStream::poll(int milliseconds) const {
  pollfd wanted{.fd = descriptor_, .events = POLLIN, .revents = 0};
  // An interruption counts as nothing there: the caller looks again. What poll() cannot watch is
  // left to read(), which says what is wrong.
  const int ready = ::poll(&wanted, 1, milliseconds);
  return ready > 0 || (ready < 0 && errno != EINTR);
}

bool InputStream::at_hand(int milliseconds) {
  if (!ahead().empty() || ended_) return true;
  if (!poll(milliseconds)) return false;
  if (!plain_) take_raw();
  return plain_ || !ahead().empty() || ended_;
}

bool InputStream::wait() {
  while (!at_hand(kWaitMilliseconds)) {
    if (stop_.stop_requested()) return false;
  }
  return true;
}

}  // namespace pals

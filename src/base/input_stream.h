// A file, a pipe or standard input, read as its bytes come.
#pragma once

#include <cstddef>
#include <stop_token>
#include <string>

namespace pals {

/// Open for as long as the object lives. One thread uses it.
class InputStream {
 public:
  /// Opens a file; "" and "-" mean standard input. Throws Error if it cannot be opened.
  /// `stop` ends wait().
  explicit InputStream(const std::string& path, std::stop_token stop = {});
  ~InputStream();
  InputStream(const InputStream&) = delete;
  InputStream& operator=(const InputStream&) = delete;

  /// The path, or "standard input": for errors.
  const std::string& name() const { return name_; }

  /// Appends what is there, at most `most` bytes, waiting for at least one; false at the end.
  /// Throws Error when the system cannot read.
  bool read(std::string& buffer, size_t most);

  /// Whether read() would not wait: bytes are there, or the end is. Looks for at most
  /// `milliseconds`.
  bool at_hand(int milliseconds) const;

  /// Waits until read() would not; false once a stop is requested.
  bool wait() const;

 private:
  std::string name_;
  int descriptor_ = 0;
  std::stop_token stop_;
};

}  // namespace pals

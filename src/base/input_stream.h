// A file, a pipe or standard input, read as its bytes come; unpacked if they are compressed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/unpack.h"

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

  /// Bytes that a regular file holds when it is unpacked; of a compressed one they are counted,
  /// which reads it once more. Throws Error for standard input and what is no regular file.
  uint64_t size() const;

  /// The path, or "standard input": for errors.
  const std::string& name() const { return name_; }

  /// Appends what is there, at most `most` bytes, waiting for at least one; false at the end.
  /// Throws Error when the system cannot read, and as Unpacker does.
  bool read(std::string& buffer, size_t most);

  /// Adds to ahead(), waiting for at least one byte; false at the end. Throws Error as read() does,
  /// and once a stop is requested.
  bool look_ahead();

  /// What was looked at and is still to be read.
  std::string_view ahead() const { return std::string_view(ahead_).substr(begin_); }

  /// Whether read() would not wait: bytes are there, or the end is. Looks for at most
  /// `milliseconds`.
  bool at_hand(int milliseconds);

  /// Waits until read() would not; false once a stop is requested.
  bool wait();

 private:
  bool poll(int milliseconds) const;
  size_t read_raw(std::string& buffer, size_t most) const;
  void take_raw();

  std::string name_;
  int descriptor_ = 0;
  std::stop_token stop_;
  std::string start_;  // of the file, until it tells whether it is compressed
  bool plain_ = false;
  std::optional<Unpacker> unpacker_;
  bool ended_ = false;
  std::string ahead_;
  size_t begin_ = 0;  // what lies before was read
};

}  // namespace pals

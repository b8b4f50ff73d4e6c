// A line of JSON for each request that was answered.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "http/message.h"

namespace pals {

/// What a line tells. Whatever a client sent is escaped, so that it stays within its line.
struct AccessEntry {
  std::string id, remote, method, target;
  int status = 0;  ///< 499: the client left before its answer
  int64_t request_bytes = 0, response_bytes = 0;
  std::chrono::steady_clock::duration taken = {};
};

/// One thread writes.
class AccessLog {
 public:
  /// Appends to a file; "-" is standard output. Throws Error if it cannot be opened.
  explicit AccessLog(const std::string& path);
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  /// A line that cannot be written is lost: answering goes on.
  void write(const AccessEntry& entry);

 private:
  int descriptor_;
};

/// The line of an entry, with its line feed: {"time": "2026-01-31T23:59:59.123Z", "id": ...}.
std::string access_line(const AccessEntry& entry, std::chrono::system_clock::time_point now);

}  // namespace pals

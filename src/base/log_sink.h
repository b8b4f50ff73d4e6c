// Messages for a program that shows them itself.
#pragma once

#include <functional>
#include <string>

namespace pals {

/// Whether log lines go to a LogSink. Then nothing draws progress on stderr either.
bool log_has_sink();

/// While it lives, log lines go to `sink`, one at a time, instead of stderr; an empty one changes
/// nothing. One of a process at a time counts, the innermost.
class LogSink {
 public:
  explicit LogSink(std::function<void(const std::string&)> sink);
  ~LogSink();
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;

 private:
  std::function<void(const std::string&)> previous_;
  bool set_ = false;
};

}  // namespace pals

#include "log_lines.h"

#include <pals/log.h>

#include <utility>

namespace pals_python {

LogLines& LogLines::all() {
  static auto* lines = new LogLines;  // outlives the threads of models that nobody frees
  return *lines;
}

void LogLines::start() {
  pals::redirect_log([this](const std::string& line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(line);
  });
}

std::vector<std::string> LogLines::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(lines_, {});
}

}  // namespace pals_python

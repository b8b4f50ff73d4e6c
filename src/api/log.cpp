#include <pals/log.h>

#include <optional>
#include <utility>

#include "base/log_sink.h"

namespace pals::api {

void redirect_log(std::function<void(const std::string& line)> sink) {
  static auto* current = new std::optional<LogSink>;  // what logs at the very end still finds it
  current->reset();
  if (sink) current->emplace(std::move(sink));
}

}  // namespace pals::api

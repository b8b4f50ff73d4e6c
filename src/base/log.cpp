#include "base/log.h"

#include <atomic>
#include <mutex>
#include <utility>

#include "base/log_sink.h"
#include "base/one_line.h"
#include "base/progress.h"

namespace pals {
namespace {

std::atomic<bool> quiet_flag{false};

struct Sink {
  std::recursive_mutex mutex;  // what receives a line may log
  std::function<void(const std::string&)> function;
};

Sink& the_sink() {
  static Sink sink;
  return sink;
}

}  // namespace

void set_quiet(bool quiet) { quiet_flag = quiet; }
bool is_quiet() { return quiet_flag; }

void log_line(const std::string& text) {
  // A warning may quote anything; tables and the like have lines of their own.
  const std::string line = text.starts_with("warning: ") ? one_line(text) : text;
  Sink& sink = the_sink();
  const std::lock_guard lock(sink.mutex);
  if (sink.function) {
    sink.function(line);
  } else {
    Progress::write_above(line + "\n");
  }
}

bool log_has_sink() {
  const std::lock_guard lock(the_sink().mutex);
  return the_sink().function != nullptr;
}

LogSink::LogSink(std::function<void(const std::string&)> sink) : set_(sink != nullptr) {
  if (!set_) return;
  const std::lock_guard lock(the_sink().mutex);
  previous_ = std::exchange(the_sink().function, std::move(sink));
}

LogSink::~LogSink() {
  if (!set_) return;
  const std::lock_guard lock(the_sink().mutex);
  the_sink().function = std::move(previous_);
}

}  // namespace pals

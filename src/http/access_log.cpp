#include "http/access_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <ctime>

#include "base/error.h"
#include "base/json.h"

namespace pals {
namespace {

constexpr size_t kMostTargetBytes = 1024;

std::string utc_time(std::chrono::system_clock::time_point now) {
  const auto since =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const std::time_t seconds = since / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[40];
  const size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  const std::string digits = std::to_string(1000 + since % 1000);
  return std::string(text, size) + "." + digits.substr(1) + "Z";
}

}  // namespace

AccessLog::AccessLog(const std::string& path)
    : descriptor_(path == "-"
                      ? ::dup(STDOUT_FILENO)
                      : ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
  if (descriptor_ < 0) fail("--access_log: ", path, ": ", std::strerror(errno));
}

AccessLog::~AccessLog() { ::close(descriptor_); }

void AccessLog::write(const AccessEntry& entry) {
  const std::string line = access_line(entry, std::chrono::system_clock::now());
  [[maybe_unused]] const ssize_t written = ::write(descriptor_, line.data(), line.size());
}

std::string access_line(const AccessEntry& entry, std::chrono::system_clock::time_point now) {
  const std::chrono::duration<double, std::milli> taken = entry.taken;
  const OrderedJson line = {{"time", utc_time(now)},
                            {"id", entry.id},
                            {"remote", entry.remote},
                            {"method", entry.method},
                            {"target", entry.target.substr(0, kMostTargetBytes)},
                            {"status", entry.status},
                            {"request_bytes", entry.request_bytes},
                            {"response_bytes", entry.response_bytes},
                            {"ms", std::round(taken.count() * 1000.0) / 1000.0}};
  return json_text(line, -1) + "\n";
}

}  // namespace pals

#include "base/log.h"

#include <atomic>

#include "base/progress.h"

namespace pals {
namespace {

std::atomic<bool> quiet_flag{false};

}  // namespace

void set_quiet(bool quiet) { quiet_flag = quiet; }
bool is_quiet() { return quiet_flag; }

void log_line(const std::string& line) { Progress::write_above(line + "\n"); }

}  // namespace pals

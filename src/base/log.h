// Messages for people, on stderr; they do not garble a progress line on a terminal.
#pragma once

#include <string>

#include "base/error.h"

namespace pals {

/// Whether log_info is silent (--quiet). Warnings always show. Off at start.
void set_quiet(bool quiet);
bool is_quiet();

/// Writes one line (a final line feed is added) to stderr.
void log_line(const std::string& line);

/// A message in passing, its parts joined as by concat().
template <typename... Parts>
void log_info(const Parts&... parts) {
  if (!is_quiet()) log_line(concat(parts...));
}

/// A message that something is probably not as the user wants it; "warning: " in front.
template <typename... Parts>
void log_warning(const Parts&... parts) {
  log_line(concat("warning: ", parts...));
}

}  // namespace pals

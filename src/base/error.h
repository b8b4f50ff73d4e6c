// User-facing errors: one clear line that says where, what was found, what was expected, what to
// do.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace pals {

/// A fault in data, files or a run. Caught once, in main: printed as one line, exit code 1.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A fault in how the program was called (flags, configuration). Exit code 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

/// Joins its arguments with operator<<.
template <typename... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream stream;
  (stream << ... << parts);
  return stream.str();
}

/// Throws Error with the joined message.
template <typename... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  throw Error(concat(parts...));
}

/// Throws UsageError with the joined message.
template <typename... Parts>
[[noreturn]] void fail_usage(const Parts&... parts) {
  throw UsageError(concat(parts...));
}

}  // namespace pals

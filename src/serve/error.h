// What a request is refused with.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace pals {

/// Types as text-embeddings-inference has them: "validation" for what the client can mend,
/// "overloaded", "unhealthy", "backend" for a computation that failed, "empty".
class ServeError : public std::runtime_error {
 public:
  ServeError(int status, std::string type, const std::string& message)
      : std::runtime_error(message), status_(status), type_(std::move(type)) {}

  int status() const { return status_; }
  const std::string& type() const { return type_; }

 private:
  int status_;
  std::string type_;
};

/// A body that is JSON, but not what the endpoint takes.
[[noreturn]] inline void refuse(const std::string& message) {
  throw ServeError(422, "validation", message);
}

}  // namespace pals

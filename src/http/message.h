// Requests and responses of HTTP as plain values.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace pals {

struct HttpHeader {
  std::string name, value;
};

/// A request that was read whole.
struct HttpRequest {
  std::string id;      ///< the client's X-Request-Id, or one of our own; short and printable
  std::string method;  ///< "POST"
  std::string target;  ///< "/predict?x=1", as it came
  std::vector<HttpHeader> headers = {};
  std::string body = {};
  std::stop_token gone = {};  ///< a stop is requested when the client has left

  /// The target without what follows a question mark.
  std::string_view path() const;
  /// The value of the first header of that name, whatever the case of its letters; else empty.
  std::string_view header(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body = {};
  std::vector<HttpHeader> headers = {};  ///< beside those of every response
};

/// An answer `{"error": message, "error_type": type}`.
HttpResponse error_response(int status, const std::string& type, const std::string& message);

/// "Not Found" of 404; "Unknown" of a status that the server never gives.
std::string_view status_text(int status);

}  // namespace pals

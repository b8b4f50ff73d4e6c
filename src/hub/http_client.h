// GET and HEAD over HTTP and HTTPS, one answer at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "hub/settings.h"

namespace pals {

/// What may be otherwise the next time: no connection, one that broke or stalled, an overloaded
/// server.
class NetworkFailure : public Error {
 public:
  explicit NetworkFailure(const std::string& what, double wait_seconds = 0.0)
      : Error(what), wait_seconds(wait_seconds) {}
  double wait_seconds;  ///< the server asks for this pause; 0: it does not
};

/// An answer without its content.
struct HttpHead {
  int status = 0;
  std::map<std::string, std::string> fields;  ///< names in lower case
  std::string redirect;                       ///< where it leads, as a whole URL; empty: nowhere

  std::string field(const std::string& name) const;  ///< empty if it is not there
};

struct HttpAsk {
  std::string url;
  bool head_only = false;
  uint64_t from = 0;          ///< the first byte that is wanted
  int64_t limit_seconds = 0;  ///< of all of it; 0: only stalls end it
  /// Called with an answer of status 200 or 206 before its first byte, and with its bytes. What
  /// they throw ends the transfer.
  std::function<void(const HttpHead&)> on_head;
  std::function<void(std::string_view)> on_bytes;
};

/// One thread's. Proxies are those of HTTPS_PROXY, HTTP_PROXY and NO_PROXY, in capitals or not.
class HttpClient {
 public:
  /// Error without libcurl.
  explicit HttpClient(HubSettings settings);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// Sends a request and what it is redirected to: as far as the first answer that is no redirect,
  /// or, where `facts_only`, that leads to another server or has the facts of what it leads to
  /// (X-Linked-Etag). The token goes to the endpoint alone, and nothing goes
  /// from HTTPS to HTTP. Throws NetworkFailure, also for the statuses 408, 429 and from 500, Error
  /// for redirects without end, and Stopped once the process was asked to stop.
  HttpHead ask(HttpAsk request, bool facts_only = false);

 private:
  HttpHead ask_once(const HttpAsk& request);

  HubSettings settings_;
  void* handle_ = nullptr;
};

/// Whether both URLs begin with the same scheme, host and port.
bool same_origin(std::string_view one, std::string_view other);

/// Runs `work` again after a NetworkFailure, so often in all, with growing pauses.
void with_retries(int attempts, const std::function<void()>& work);

/// Waits before the attempt after so many failures. Throws Stopped once the process was asked to
/// stop.
void pause_before_retry(int failures, const NetworkFailure& failure);

}  // namespace pals

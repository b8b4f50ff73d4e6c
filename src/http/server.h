// An HTTP/1.1 server: one thread that reads requests and writes responses of many connections.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "http/responder.h"

namespace pals {

struct HttpServerOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 0;  ///< 0: one that is free
  size_t max_header_bytes = size_t{16} << 10;
  size_t max_body_bytes = 2'000'000;
  /// Of a request by its head alone, in place of max_body_bytes.
  std::function<size_t(const HttpRequest& head)> body_limit = {};
  size_t max_connections = 4096;                     ///< one more is told 503 and closed
  std::chrono::milliseconds header_timeout{10'000};  ///< from a request's first byte
  std::chrono::milliseconds body_timeout{60'000};    ///< for the whole body
  std::chrono::milliseconds idle_timeout{120'000};   ///< between requests
  std::chrono::milliseconds write_timeout{60'000};   ///< for a whole response
  /// Origins whose pages may ask; "*": all.
  std::vector<std::string> allowed_origins = {};
  std::string access_log = {};  ///< a file, "-" for standard output, empty for none
};

/// Keeps connections alive; requests that a client sends ahead are answered in their order. While a
/// request is with its handler, the connection is watched: a client that closes its side counts as
/// gone.
class HttpServer {
 public:
  /// Listens. Throws UsageError for a host that is none, Error for an address that cannot be had.
  HttpServer(HttpServerOptions options, HttpHandler handler);
  /// As stop().
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  uint16_t port() const;
  /// "127.0.0.1:8080", "[::1]:8080".
  std::string address() const;
  size_t num_connections() const;

  /// Accepts no more, closes connections without a request, and others after their answer.
  void drain();
  /// Whether no connection is left within `limit`.
  bool wait_until_drained(std::chrono::milliseconds limit);
  /// Closes all connections at once. No handler runs afterwards.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pals

// One client's connection: requests in, responses out, one after the other.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <unordered_set>

#include "http/access_log.h"
#include "http/server.h"

namespace pals {

class HttpConnection;

/// Carries responses of other threads to the server's own, while there is one.
class Outbox {
 public:
  explicit Outbox(boost::asio::io_context& io) : io_(&io) {}
  void close() {
    const std::lock_guard lock(mutex_);
    io_ = nullptr;
  }
  void post(const std::weak_ptr<HttpConnection>& connection, HttpResponse response);

 private:
  std::mutex mutex_;
  boost::asio::io_context* io_;
};

/// What the connections of a server share; the server's thread alone uses it.
struct ConnectionShared {
  HttpServerOptions options;
  HttpHandler handler;
  std::shared_ptr<Outbox> outbox;
  std::unique_ptr<AccessLog> log = {};
  bool draining = false;
  std::string id_prefix = {};  ///< of the ids that the server makes up
  uint64_t num_requests = 0;
  std::unordered_set<std::shared_ptr<HttpConnection>> open = {};
  std::function<void()> closed = {};  ///< called when one has left `open`
};

class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(boost::asio::ip::tcp::socket socket, ConnectionShared& shared);

  /// The connection must be among shared.open.
  void start();
  /// Answers the request that its handler has.
  void respond(HttpResponse response);
  /// Closes it unless a request is being read or answered.
  void close_if_idle();
  void close();

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  enum class State { kIdle, kReading, kHandling, kWriting, kClosed };

  void wait_for_request();
  void read_header();
  void after_header(const boost::system::error_code& error);
  /// The request as far as it is known from its header.
  HttpRequest request_head() const;
  /// False if the body is known to be too large.
  bool limit_body();
  void read_body();
  void refuse(const boost::system::error_code& error);
  void handle();
  /// Has the client's leaving noticed while the handler works.
  void watch();
  void client_left();
  void write(HttpResponse response);
  void after_write(bool failed);
  /// Ends without resetting what the client still sends, which would lose it the response.
  void linger();
  void discard();
  void log(int status, size_t response_bytes);

  boost::beast::tcp_stream stream_;
  ConnectionShared& shared_;
  State state_ = State::kIdle;
  bool keep_alive_ = true;
  bool unread_ = false;    ///< the client may be sending what nobody will read
  bool watching_ = false;  ///< an operation of watch() is under way
  boost::beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  std::stop_source gone_{std::nostopstate};
  std::string remote_, head_, body_;
  AccessEntry entry_;
  std::string origin_;  ///< the Origin header of the request
  bool is_head_ = false, is_http_1_0_ = false;
  size_t discarded_ = 0;
  std::chrono::steady_clock::time_point started_;
};

}  // namespace pals

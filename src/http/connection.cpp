#include "http/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>
#include <cerrno>
#include <ctime>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "base/one_line.h"
#include "base/text_util.h"

namespace pals {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

constexpr size_t kMostIdBytes = 128;
constexpr size_t kKeptBufferBytes = size_t{16} << 10;  // of a connection between requests
constexpr size_t kMostDiscarded = size_t{4} << 20;
constexpr std::chrono::seconds kLingerTime{2};

std::string text_of(beast::string_view view) { return {view.data(), view.size()}; }

bool is_usable_id(std::string_view id) {
  return !id.empty() && id.size() <= kMostIdBytes && std::ranges::all_of(id, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '.' || c == ':';
  });
}

std::string remote_name(const net::ip::tcp::socket& socket) {
  error_code error;
  const auto remote = socket.remote_endpoint(error);
  return error ? std::string() : concat(remote);
}

/// "Sun, 29 Nov 2026 10:00:00 GMT", made once a second.
const std::string& date_now() {
  thread_local std::time_t made = 0;
  thread_local std::string text;
  const std::time_t now = std::time(nullptr);
  if (now != made) {
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    char buffer[40];
    text.assign(buffer, std::strftime(buffer, sizeof buffer, "%a, %d %b %Y %H:%M:%S GMT", &parts));
    made = now;
  }
  return text;
}

void append_header(std::string& head, std::string_view name, std::string_view value) {
  head.append(name).append(": ").append(value).append("\r\n");
}

/// Whom a faulty request is answered with; nothing: the connection is closed without a word.
std::optional<HttpResponse> response_to(const error_code& error) {
  if (error == http::error::body_limit) {
    return error_response(413, "validation", "the body is larger than --payload_limit allows");
  }
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return error_response(431, "validation", "the headers are too large");
  }
  const bool is_silent =
      error == http::error::end_of_stream || error == http::error::partial_message;
  if (error.category() == http::make_error_code(http::error::bad_method).category() && !is_silent) {
    return error_response(400, "validation", "not an HTTP request: " + error.message());
  }
  return std::nullopt;
}

}  // namespace

void Outbox::post(const std::weak_ptr<HttpConnection>& connection, HttpResponse response) {
  const std::lock_guard lock(mutex_);
  if (io_ == nullptr) return;
  net::post(*io_, [connection, answer = std::move(response)]() mutable {
    if (const auto open = connection.lock()) open->respond(std::move(answer));
  });
}

HttpConnection::HttpConnection(net::ip::tcp::socket socket, ConnectionShared& shared)
    : stream_(std::move(socket)), shared_(shared), remote_(remote_name(stream_.socket())) {}

void HttpConnection::start() {
  error_code ignored;
  stream_.socket().set_option(net::ip::tcp::no_delay(true), ignored);
  wait_for_request();
}

void HttpConnection::wait_for_request() {
  state_ = State::kIdle;
  parser_.reset();
  body_.clear();
  gone_ = std::stop_source(std::nostopstate);
  if (shared_.draining && buffer_.size() == 0) return close();
  if (buffer_.size() > 0) return read_header();
  if (buffer_.capacity() > kKeptBufferBytes) buffer_.shrink_to_fit();
  stream_.expires_after(shared_.options.idle_timeout);
  stream_.async_read_some(buffer_.prepare(1024),
                          [self = shared_from_this()](const error_code& error, size_t bytes) {
                            if (self->state_ == State::kClosed) return;
                            if (error) return self->close();
                            self->buffer_.commit(bytes);
                            self->read_header();
                          });
}

void HttpConnection::read_header() {
  state_ = State::kReading;
  started_ = std::chrono::steady_clock::now();
  entry_ = {.remote = remote_};
  origin_.clear();
  keep_alive_ = is_head_ = is_http_1_0_ = unread_ = false;
  parser_.emplace();
  parser_->header_limit(static_cast<uint32_t>(shared_.options.max_header_bytes));
  if (shared_.options.body_limit) {
    parser_->body_limit(boost::none);  // until the header is known
  } else {
    parser_->body_limit(shared_.options.max_body_bytes);
  }
  stream_.expires_after(shared_.options.header_timeout);
  http::async_read_header(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](const error_code& error, size_t) { self->after_header(error); });
}

void HttpConnection::after_header(const error_code& error) {
  if (state_ == State::kClosed) return;
  const http::request<http::string_body>& message = parser_->get();
  entry_.method = text_of(message.method_string());
  entry_.target = text_of(message.target());
  const auto id = message.find("X-Request-Id");
  if (id != message.end() && is_usable_id(text_of(id->value()))) {
    entry_.id = text_of(id->value());
  } else {
    entry_.id = shared_.id_prefix + std::to_string(++shared_.num_requests);
  }
  if (error) return refuse(error);
  keep_alive_ = message.keep_alive();
  is_head_ = message.method() == http::verb::head;
  is_http_1_0_ = message.version() < 11;
  origin_ = text_of(message[http::field::origin]);
  if (parser_->is_done()) return handle();
  if (!limit_body()) return refuse(http::error::body_limit);
  if (!beast::iequals(message[http::field::expect], "100-continue")) return read_body();
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  stream_.expires_after(shared_.options.write_timeout);
  net::async_write(stream_, net::buffer(kContinue),
                   [self = shared_from_this()](const error_code& failed, size_t) {
                     if (self->state_ == State::kClosed) return;
                     if (failed) return self->close();
                     self->read_body();
                   });
}

HttpRequest HttpConnection::request_head() const {
  HttpRequest request{.id = entry_.id, .method = entry_.method, .target = entry_.target};
  for (const auto& field : parser_->get()) {
    request.headers.push_back({text_of(field.name_string()), text_of(field.value())});
  }
  return request;
}

bool HttpConnection::limit_body() {
  if (!shared_.options.body_limit) return true;
  const size_t limit = shared_.options.body_limit(request_head());
  const auto length = parser_->content_length();
  if (length && *length > limit) return false;
  parser_->body_limit(limit);
  return true;
}

void HttpConnection::read_body() {
  stream_.expires_after(shared_.options.body_timeout);
  http::async_read(stream_, buffer_, *parser_,
                   [self = shared_from_this()](const error_code& error, size_t) {
                     if (self->state_ == State::kClosed) return;
                     if (error) return self->refuse(error);
                     self->handle();
                   });
}

void HttpConnection::refuse(const error_code& error) {
  keep_alive_ = false;
  unread_ = true;
  if (std::optional<HttpResponse> response = response_to(error)) {
    state_ = State::kHandling;
    return respond(std::move(*response));
  }
  if (error == beast::error::timeout) log(408, 0);
  close();
}

void HttpConnection::handle() {
  state_ = State::kHandling;
  stream_.expires_never();
  HttpRequest request = request_head();
  request.body = std::move(parser_->get().body());
  entry_.request_bytes = static_cast<int64_t>(request.body.size());
  gone_ = std::stop_source();
  request.gone = gone_.get_token();
  Responder responder([outbox = shared_.outbox, connection = weak_from_this(),
                       here = std::this_thread::get_id()](HttpResponse response) {
    if (std::this_thread::get_id() != here) return outbox->post(connection, std::move(response));
    if (const auto open = connection.lock()) open->respond(std::move(response));
  });
  const bool preflight = entry_.method == "OPTIONS" && !origin_.empty() &&
                         !request.header("Access-Control-Request-Method").empty();
  if (preflight && !shared_.options.allowed_origins.empty()) {
    return responder.send(
        {.status = 204,
         .content_type = "",
         .headers = {{"Access-Control-Allow-Methods", "GET, POST, PUT, DELETE"},
                     {"Access-Control-Allow-Headers", "authorization, content-type, x-request-id"},
                     {"Access-Control-Max-Age", "3600"}}});
  }
  try {
    shared_.handler(std::move(request), std::move(responder));
  } catch (const std::exception& error) {  // the responder has answered for it
    log_warning("a request failed: ", one_line(error.what()));
  }
  if (state_ == State::kHandling) watch();
}

void HttpConnection::watch() {
  if (watching_) return;
  watching_ = true;
  stream_.socket().async_wait(
      net::ip::tcp::socket::wait_read, [self = shared_from_this()](const error_code& error) {
        self->watching_ = false;
        if (error || self->state_ != State::kHandling) return;
        char byte = 0;
        const ssize_t size =
            ::recv(self->stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (size > 0) return;  // the next request, which hides what comes after it
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) return self->watch();
        self->client_left();
      });
}

void HttpConnection::client_left() {
  log(499, 0);
  gone_.request_stop();
  close();
}

void HttpConnection::respond(HttpResponse response) {
  if (state_ != State::kHandling) return;
  write(std::move(response));
}

void HttpConnection::write(HttpResponse response) {
  state_ = State::kWriting;
  if (shared_.draining) keep_alive_ = false;
  head_.clear();
  head_.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
  head_.append(status_text(response.status)).append("\r\n");
  append_header(head_, "Date", date_now());
  if (!response.content_type.empty()) append_header(head_, "Content-Type", response.content_type);
  if (response.status != 204) {
    append_header(head_, "Content-Length", std::to_string(response.body.size()));
  }
  append_header(head_, "X-Request-Id", entry_.id);
  append_header(head_, "X-Content-Type-Options", "nosniff");
  if (!keep_alive_) append_header(head_, "Connection", "close");
  if (keep_alive_ && is_http_1_0_) append_header(head_, "Connection", "keep-alive");
  const std::vector<std::string>& origins = shared_.options.allowed_origins;
  if (!origins.empty() && !origin_.empty()) {
    const bool all = std::ranges::find(origins, "*") != origins.end();
    if (all || std::ranges::find(origins, origin_) != origins.end()) {
      append_header(head_, "Access-Control-Allow-Origin", all ? "*" : origin_);
    }
    append_header(head_, "Vary", "Origin");
  }
  for (const HttpHeader& header : response.headers) append_header(head_, header.name, header.value);
  head_.append("\r\n");
  body_ = is_head_ ? std::string() : std::move(response.body);
  stream_.expires_after(shared_.options.write_timeout);
  const std::array<net::const_buffer, 2> buffers = {net::buffer(head_), net::buffer(body_)};
  net::async_write(
      stream_, buffers,
      [self = shared_from_this(), status = response.status](const error_code& error, size_t) {
        if (self->state_ == State::kClosed) return;
        self->log(error ? 499 : status, self->body_.size());
        self->after_write(error.failed());
      });
}

void HttpConnection::after_write(bool failed) {
  if (failed) return close();
  if (keep_alive_) return wait_for_request();
  if (unread_) return linger();
  close();
}

void HttpConnection::linger() {
  error_code ignored;
  stream_.socket().shutdown(net::ip::tcp::socket::shutdown_send, ignored);
  stream_.expires_after(kLingerTime);
  discard();
}

void HttpConnection::discard() {
  buffer_.clear();
  stream_.async_read_some(buffer_.prepare(kKeptBufferBytes),
                          [self = shared_from_this()](const error_code& error, size_t bytes) {
                            self->discarded_ += bytes;
                            if (self->state_ == State::kClosed) return;
                            if (error || self->discarded_ > kMostDiscarded) return self->close();
                            self->discard();
                          });
}

void HttpConnection::close_if_idle() {
  if (state_ == State::kIdle) close();
}

void HttpConnection::close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  const auto self = shared_from_this();
  gone_.request_stop();
  error_code ignored;
  stream_.socket().shutdown(net::ip::tcp::socket::shutdown_both, ignored);
  stream_.close();
  shared_.open.erase(self);
  shared_.closed();
}

void HttpConnection::log(int status, size_t response_bytes) {
  if (shared_.log == nullptr) return;
  entry_.status = status;
  entry_.response_bytes = static_cast<int64_t>(response_bytes);
  entry_.taken = std::chrono::steady_clock::now() - started_;
  shared_.log->write(entry_);
}

}  // namespace pals

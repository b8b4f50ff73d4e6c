#include "http/server.h"

#include <array>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <future>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "http/connection.h"

namespace pals {
namespace {

namespace net = boost::asio;
using boost::system::error_code;
using net::ip::tcp;

constexpr std::chrono::milliseconds kAcceptPause{100};  // where files or memory are short
constexpr int kBacklog = 1024;

tcp::endpoint resolve(net::io_context& io, const HttpServerOptions& options) {
  error_code error;
  tcp::resolver resolver(io);
  const auto found =
      resolver.resolve(options.host, std::to_string(options.port), tcp::resolver::passive, error);
  if (error || found.empty()) {
    fail_usage("--host: ", quote(options.host), " is no address or name of this machine",
               error ? concat(" (", error.message(), ")") : "");
  }
  return found.begin()->endpoint();
}

std::string random_prefix() {
  std::random_device random;
  std::array<char, 20> text{};
  std::snprintf(text.data(), text.size(), "%08x-", static_cast<unsigned>(random()));
  return text.data();
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(HttpServerOptions options, HttpHandler handler)
      : io_(1),
        work_(net::make_work_guard(io_)),
        acceptor_(io_),
        pause_(io_),
        shared_{.options = std::move(options),
                .handler = std::move(handler),
                .outbox = std::make_shared<Outbox>(io_)} {
    if (!shared_.options.access_log.empty()) {
      shared_.log = std::make_unique<AccessLog>(shared_.options.access_log);
    }
    shared_.id_prefix = random_prefix();
    shared_.closed = [this] { count(); };
    listen();
    accept();
    thread_ = std::thread([this] { io_.run(); });
  }

  ~Impl() { stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  uint16_t port() const { return endpoint_.port(); }
  std::string address() const { return concat(endpoint_); }
  size_t num_connections() const { return num_open_; }

  void drain() {
    net::post(io_, [this] {
      shared_.draining = true;
      acceptor_.close();
      pause_.cancel();
      const auto open = shared_.open;  // closing takes them out
      for (const auto& connection : open) connection->close_if_idle();
      count();
    });
  }

  bool wait_until_drained(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [this] { return drained_; });
  }

  void stop() {
    if (!thread_.joinable()) return;
    shared_.outbox->close();
    net::post(io_, [this] {
      acceptor_.close();
      pause_.cancel();
      const auto open = shared_.open;
      for (const auto& connection : open) connection->close();
      work_.reset();
    });
    thread_.join();
  }

 private:
  void listen() {
    const tcp::endpoint endpoint = resolve(io_, shared_.options);
    error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(net::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(kBacklog, error);
    if (error) fail("cannot listen on ", endpoint, ": ", error.message());
    endpoint_ = acceptor_.local_endpoint();
  }

  void accept() {
    acceptor_.async_accept([this](const error_code& error, tcp::socket socket) {
      if (error == net::error::operation_aborted || shared_.draining) return;
      if (error) {
        pause_.expires_after(kAcceptPause);
        pause_.async_wait([this](const error_code& ended) {
          if (!ended && acceptor_.is_open()) accept();
        });
        return;
      }
      take(std::move(socket));
      accept();
    });
  }

  void take(tcp::socket socket) {
    if (shared_.open.size() >= shared_.options.max_connections) {
      static constexpr std::string_view kFull =
          "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\n"
          "Content-Length: 0\r\n\r\n";
      error_code ignored;
      socket.non_blocking(true, ignored);
      socket.write_some(net::buffer(kFull), ignored);
      return;
    }
    const auto connection = std::make_shared<HttpConnection>(std::move(socket), shared_);
    shared_.open.insert(connection);
    count();
    connection->start();
  }

  void count() {
    num_open_ = shared_.open.size();
    if (!shared_.draining || num_open_ > 0) return;
    const std::lock_guard lock(mutex_);
    drained_ = true;
    changed_.notify_all();
  }

  net::io_context io_;
  net::executor_work_guard<net::io_context::executor_type> work_;
  tcp::acceptor acceptor_;
  net::steady_timer pause_;
  tcp::endpoint endpoint_;
  ConnectionShared shared_;
  std::atomic<size_t> num_open_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool drained_ = false;
  std::thread thread_;
};

HttpServer::HttpServer(HttpServerOptions options, HttpHandler handler)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(handler))) {}
HttpServer::~HttpServer() = default;
uint16_t HttpServer::port() const { return impl_->port(); }
std::string HttpServer::address() const { return impl_->address(); }
size_t HttpServer::num_connections() const { return impl_->num_connections(); }
void HttpServer::drain() { impl_->drain(); }
bool HttpServer::wait_until_drained(std::chrono::milliseconds limit) {
  return impl_->wait_until_drained(limit);
}
void HttpServer::stop() { impl_->stop(); }

}  // namespace pals

// A client for tests that says exactly what it is told, byte by byte.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>

#include "base/error.h"

namespace pals::testing {

class TestClient {
 public:
  explicit TestClient(uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
    if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      fail("cannot connect to port ", port);
    }
  }
  ~TestClient() { close(); }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }
  void close_sending() { ::shutdown(socket_, SHUT_WR); }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;  // the server has closed, as a test may want
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }

  /// A request with a body, and what it is answered.
  std::string ask(const std::string& method, const std::string& target,
                  const std::string& body = "", const std::string& headers = "") {
    send(method + " " + target + " HTTP/1.1\r\nHost: x\r\n" + headers +
         (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") + "\r\n" +
         body);
    return receive();
  }

  /// The next response, head and body, as far as it comes within some seconds; empty at the end.
  std::string receive() {
    size_t head = std::string::npos;
    while ((head = pending_.find("\r\n\r\n")) == std::string::npos) {
      if (!read_more()) return std::exchange(pending_, "");
    }
    size_t size = head + 4;
    const size_t length = pending_.find("Content-Length: ");
    if (length < head) size += std::stoul(pending_.substr(length + 16));
    while (pending_.size() < size && read_more()) {
    }
    std::string response = pending_.substr(0, size);
    pending_.erase(0, size);
    return response;
  }

  /// Whether the server closes within some seconds, whatever it sends before.
  bool is_closed() {
    while (read_more()) {
    }
    return closed_;
  }

 private:
  bool read_more() {
    pollfd wanted{socket_, POLLIN, 0};
    if (::poll(&wanted, 1, kPatience) <= 0) return false;
    char bytes[4096];
    const ssize_t size = ::recv(socket_, bytes, sizeof bytes, 0);
    closed_ = size <= 0;
    if (size > 0) pending_.append(bytes, static_cast<size_t>(size));
    return size > 0;
  }

  static constexpr int kPatience = 20'000;  // milliseconds

  int socket_;
  bool closed_ = false;
  std::string pending_;
};

/// The status of a response; 0 if it is none.
inline int status_of(const std::string& response) {
  return response.starts_with("HTTP/1.1 ") ? std::stoi(response.substr(9, 3)) : 0;
}

inline std::string body_of(const std::string& response) {
  const size_t head = response.find("\r\n\r\n");
  return head == std::string::npos ? "" : response.substr(head + 4);
}

/// Waits until `is_true` gives true, for some seconds at most.
template <typename Condition>
bool wait_until(const Condition& is_true) {
  for (int i = 0; i < 4000 && !is_true(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return is_true();
}

}  // namespace pals::testing

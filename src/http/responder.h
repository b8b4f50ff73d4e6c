// The way back from whoever answers a request to the connection that it came on.
#pragma once

#include <functional>
#include <utility>

#include "http/message.h"

namespace pals {

/// Sends one response, from any thread and at any time, also after the server has ended (then it
/// goes nowhere). One that is dropped unused answers 500, so that no client waits for ever.
class Responder {
 public:
  using Send = std::function<void(HttpResponse)>;

  explicit Responder(Send send) : send_(std::move(send)) {}
  Responder(Responder&& other) noexcept : send_(std::exchange(other.send_, nullptr)) {}
  Responder& operator=(Responder&&) = delete;
  ~Responder() {
    if (send_) send(error_response(500, "backend", "the request was not answered"));
  }

  /// To be called once.
  void send(HttpResponse response) { std::exchange(send_, nullptr)(std::move(response)); }

 private:
  Send send_;
};

/// Answers requests. Called on the server's one thread, and must not keep it: work goes to others.
using HttpHandler = std::function<void(HttpRequest, Responder)>;

}  // namespace pals

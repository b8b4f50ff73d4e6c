#include "base/signal.h"

#include <atomic>
#include <csignal>

namespace pals {
namespace {

std::atomic<int> first_signal{0};
static_assert(std::atomic<int>::is_always_lock_free);  // or a handler could not touch it

void set_action(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  // While one of the two is handled the other waits.
  sigaddset(&action.sa_mask, SIGINT);
  sigaddset(&action.sa_mask, SIGTERM);
  sigaction(number, &action, nullptr);
}

void on_signal(int number) {
  first_signal.store(number);
  set_action(SIGINT, SIG_DFL);
  set_action(SIGTERM, SIG_DFL);
}

}  // namespace

void install_signal_handlers() {
  set_action(SIGINT, on_signal);
  set_action(SIGTERM, on_signal);
}

bool stop_requested() { return first_signal.load(std::memory_order_relaxed) != 0; }

int stop_signal() { return first_signal.load(); }

void reset_stop_request() {
  first_signal.store(0);
  install_signal_handlers();
}

}  // namespace pals

#include "base/signal.h"

#include <atomic>
#include <csignal>

namespace pals {
namespace {

constexpr int kStopSignals[] = {SIGINT, SIGTERM, SIGUSR1};

std::atomic<int> first_signal{0};
static_assert(std::atomic<int>::is_always_lock_free);  // or a handler could not touch it

void set_actions(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  // While one of them is handled the others wait.
  for (const int number : kStopSignals) sigaddset(&action.sa_mask, number);
  for (const int number : kStopSignals) sigaction(number, &action, nullptr);
}

void on_signal(int number) {
  first_signal.store(number);
  set_actions(SIG_DFL);
}

}  // namespace

void install_signal_handlers() { set_actions(on_signal); }

bool stop_requested() { return first_signal.load(std::memory_order_relaxed) != 0; }

int stop_signal() { return first_signal.load(); }

void reset_stop_request() {
  first_signal.store(0);
  install_signal_handlers();
}

}  // namespace pals

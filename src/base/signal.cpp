#include "base/signal.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace pals {
namespace {

constexpr int kStopSignals[] = {SIGINT, SIGTERM, SIGUSR1};

std::atomic<int> first_signal{0};
std::atomic<int> wake_descriptor{-1};                  // an eventfd while there is a StopSignals
std::atomic<int> hangup_descriptor{-1};                // the same of a HangupSignal
static_assert(std::atomic<int>::is_always_lock_free);  // or a handler could not touch them

void set_actions(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  // While one of them is handled the others wait.
  for (const int number : kStopSignals) sigaddset(&action.sa_mask, number);
  for (const int number : kStopSignals) sigaction(number, &action, nullptr);
}

void wake(int descriptor) {
  const uint64_t one = 1;
  // It can fail only if someone has been woken already.
  [[maybe_unused]] const ssize_t written = ::write(descriptor, &one, sizeof one);
}

void on_signal(int number) {
  const int error_number = errno;  // the interrupted code may be about to read it
  first_signal.store(number);
  set_actions(SIG_DFL);
  wake(wake_descriptor);
  errno = error_number;
}

void on_hangup(int /*number*/) {
  const int error_number = errno;
  wake(hangup_descriptor);
  errno = error_number;
}

void wait_for_wake(int descriptor) {
  uint64_t count = 0;
  while (::read(descriptor, &count, sizeof count) < 0 && errno == EINTR) {
  }
}

int make_eventfd() {
  const int descriptor = ::eventfd(0, EFD_CLOEXEC);
  if (descriptor < 0) fail("cannot wait for signals: ", std::strerror(errno));
  return descriptor;
}

}  // namespace

StopSignals::StopSignals() {
  first_signal = 0;
  wake_descriptor = make_eventfd();
  thread_ = std::jthread([this] {
    wait_for_wake(wake_descriptor);
    if (first_signal != 0) source_.request_stop();
  });
  set_actions(on_signal);
}

StopSignals::~StopSignals() {
  set_actions(SIG_DFL);
  wake(wake_descriptor);
  thread_.join();
  ::close(wake_descriptor.exchange(-1));
}

HangupSignal::HangupSignal(std::function<void()> action) {
  hangup_descriptor = make_eventfd();
  thread_ = std::jthread([act = std::move(action)](const std::stop_token& stop) {
    while (true) {
      wait_for_wake(hangup_descriptor);
      if (stop.stop_requested()) return;
      act();
    }
  });
  std::signal(SIGHUP, on_hangup);
}

HangupSignal::~HangupSignal() {
  std::signal(SIGHUP, SIG_DFL);
  thread_.request_stop();
  wake(hangup_descriptor);
  thread_.join();
  ::close(hangup_descriptor.exchange(-1));
}

int stop_signal() { return first_signal; }

}  // namespace pals

#include "base/signal.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>

#include "base/error.h"

namespace pals {
namespace {

constexpr int kStopSignals[] = {SIGINT, SIGTERM, SIGUSR1};

std::atomic<int> first_signal{0};
std::atomic<int> wake_descriptor{-1};                  // an eventfd while there is a StopSignals
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

void wake() {
  const uint64_t one = 1;
  // It can fail only if someone has been woken already.
  [[maybe_unused]] const ssize_t written = ::write(wake_descriptor, &one, sizeof one);
}

void on_signal(int number) {
  const int error_number = errno;  // the interrupted code may be about to read it
  first_signal.store(number);
  set_actions(SIG_DFL);
  wake();
  errno = error_number;
}

void wait_for_wake() {
  uint64_t count = 0;
  while (::read(wake_descriptor, &count, sizeof count) < 0 && errno == EINTR) {
  }
}

}  // namespace

StopSignals::StopSignals() {
  first_signal = 0;
  wake_descriptor = ::eventfd(0, EFD_CLOEXEC);
  if (wake_descriptor < 0) fail("cannot wait for signals: ", std::strerror(errno));
  thread_ = std::jthread([this] {
    wait_for_wake();
    if (first_signal != 0) source_.request_stop();
  });
  set_actions(on_signal);
}

StopSignals::~StopSignals() {
  set_actions(SIG_DFL);
  wake();
  thread_.join();
  ::close(wake_descriptor.exchange(-1));
}

int stop_signal() { return first_signal; }

}  // namespace pals

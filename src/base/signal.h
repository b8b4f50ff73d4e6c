// A clean stop on SIGINT, SIGTERM and SIGUSR1, for the program; the library is handed a token.
#pragma once

#include <functional>
#include <stop_token>
#include <thread>

namespace pals {

/// While it lives, the first of these signals requests a stop; a second one, of any of them, has
/// the system's default effect (the process ends). System calls are restarted where they can be.
/// SIGUSR1 is what mpirun passes on to its ranks; SIGTERM it answers by ending them itself. One at
/// a time.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  std::stop_token token() const { return source_.get_token(); }

 private:
  std::stop_source source_;
  std::jthread thread_;  // a handler itself must not call what stops have registered
};

/// While it lives, each SIGHUP has `action` called, on a thread of its own. One at a time.
class HangupSignal {
 public:
  explicit HangupSignal(std::function<void()> action);
  ~HangupSignal();
  HangupSignal(const HangupSignal&) = delete;
  HangupSignal& operator=(const HangupSignal&) = delete;

 private:
  std::jthread thread_;
};

/// The signal that came first, or 0: for what the process does as it ends. The exit code for it is
/// 128 + signal: 130, 143 or 138.
int stop_signal();

}  // namespace pals

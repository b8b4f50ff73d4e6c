// Where models compute: on a thread of their own, while the calling thread sees to signals, to
// messages and to what the work asks of Python.
#pragma once

#include <pybind11/pybind11.h>
#include <sys/types.h>

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

namespace pals_python {

/// What the caller does while it waits. Whatever of it raises ends the work and then the call.
struct Listener {
  pybind11::object log;         ///< takes each line of the log
  std::function<bool()> stops;  ///< whether to ask the work to stop; may be empty
};

/// A thread that does one piece of work at a time. LibTorch's threads belong to the thread that
/// starts them, so a model keeps to one. All calls hold the interpreter's lock and release it while
/// they wait.
class Worker {
 public:
  using Work = std::function<void(const std::stop_token& stop)>;

  /// `begin` is called on the thread before its first work, whose error it may be.
  explicit Worker(std::function<void()> begin = nullptr) : begin_(std::move(begin)) {}
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Does the work and waits for it; calls from other threads wait for their turn. A signal whose
  /// handler raises (Ctrl-C) requests a stop, and is raised when the work has ended. Throws what
  /// the work threw.
  void run(const Work& work, const Listener& listener);

  /// The same for work with a result.
  template <typename Result>
  Result call(const std::function<Result(const std::stop_token&)>& work, const Listener& listener) {
    std::optional<Result> result;
    run([&](const std::stop_token& stop) { result = work(stop); }, listener);
    return std::move(*result);
  }

  /// For the work itself: has the waiting caller run `question` with the interpreter's lock, and
  /// waits for its end. Throws Ended if it raised, but for KeyboardInterrupt.
  void ask(const std::function<void()>& question);

  /// A question raised: the work is to end, and the caller raises it.
  struct Ended : std::exception {
    const char* what() const noexcept override { return "a callback raised"; }
  };

 private:
  void forget_parent();
  void start_thread();
  void loop(const std::stop_token& end);
  struct Turn;
  void take_turn();
  void leave_turn();
  bool wait_for_news();
  void answer(std::optional<pybind11::error_already_set>& raised, std::stop_source& stop);

  std::function<void()> begin_;

  std::mutex turn_mutex_;
  std::condition_variable turn_changed_;
  bool taken_ = false;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  const Work* work_ = nullptr;
  std::stop_token stop_;
  bool done_ = false;
  std::exception_ptr error_;
  const std::function<void()>* question_ = nullptr;
  bool raised_ = false;  // the question did

  pid_t process_ = 0;  // that has the thread
  std::jthread thread_;
};

/// Hooks around os.fork(). A child of a process in which nothing computes can go on: each worker
/// starts a thread of its own there. Otherwise locks may be held by threads that it has not got, so
/// that all it may do is raise.
void before_fork();
void after_fork_in_parent();
void after_fork_in_child();

}  // namespace pals_python

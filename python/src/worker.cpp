#include "worker.h"

#include <pals/error.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <new>

#include "log_lines.h"

namespace py = pybind11;

namespace pals_python {
namespace {

constexpr std::chrono::milliseconds kBetweenSignals{50};

std::atomic<int> pieces_of_work{0};  // under way in this process
bool child_is_lost = false;          // this process was forked while a thread computed

struct UnderWay {
  UnderWay() { ++pieces_of_work; }
  ~UnderWay() { --pieces_of_work; }
};

void deliver_log(const Listener& listener) {
  for (const std::string& line : LogLines::all().take()) {
    listener.log(py::reinterpret_steal<py::str>(
        PyUnicode_DecodeUTF8(line.data(), static_cast<Py_ssize_t>(line.size()), "replace")));
  }
}

// Runs a part of Python. The first that raises is kept, and the work is asked to end.
template <typename Part>
bool guarded(std::optional<py::error_already_set>& raised, std::stop_source& stop,
             const Part& part) {
  try {
    part();
    return true;
  } catch (const py::error_already_set& error) {
    if (!raised) raised.emplace(error);
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
    const py::error_already_set set;
    if (!raised) raised.emplace(set);
  }
  stop.request_stop();
  return false;
}

}  // namespace

// In a forked child the parent's thread and its waits are not there: neither can be ended.
void Worker::forget_parent() {
  if (process_ == 0 || process_ == getpid()) return;
  static_cast<void>(new std::jthread(std::move(thread_)));
  new (&changed_) std::condition_variable_any;
}

Worker::~Worker() { forget_parent(); }  // a thread of its own is asked to end, and joined

void Worker::start_thread() {
  if (process_ == getpid()) return;
  forget_parent();
  process_ = getpid();
  thread_ = std::jthread([this](const std::stop_token& end) { loop(end); });
}

void Worker::loop(const std::stop_token& end) {
  bool begun = begin_ == nullptr;
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, end, [this] { return work_ != nullptr; })) {
    const Work& work = *work_;
    std::exception_ptr error;
    lock.unlock();
    try {
      if (!begun) begin_();
      begun = true;
      work(stop_);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    work_ = nullptr;
    error_ = error;
    done_ = true;
    changed_.notify_all();
  }
}

void Worker::ask(const std::function<void()>& question) {
  std::unique_lock lock(mutex_);
  question_ = &question;
  changed_.notify_all();
  changed_.wait(lock, [this] { return question_ == nullptr; });
  if (raised_) throw Ended();
}

void Worker::take_turn() {
  bool mine = false;
  while (!mine) {
    {
      const py::gil_scoped_release release;
      std::unique_lock lock(turn_mutex_);
      mine = turn_changed_.wait_for(lock, kBetweenSignals, [this] { return !taken_; });
      if (mine) taken_ = true;
    }
    if (!mine && PyErr_CheckSignals() != 0) throw py::error_already_set();
  }
}

void Worker::leave_turn() {
  const std::lock_guard lock(turn_mutex_);
  taken_ = false;
  turn_changed_.notify_one();
}

struct Worker::Turn {
  explicit Turn(Worker& worker) : worker(worker) { worker.take_turn(); }
  ~Turn() { worker.leave_turn(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  Worker& worker;
};

// Whether the work is done.
bool Worker::wait_for_news() {
  const py::gil_scoped_release release;
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, kBetweenSignals, [this] { return done_ || question_ != nullptr; });
  return done_;
}

void Worker::answer(std::optional<py::error_already_set>& raised, std::stop_source& stop) {
  const std::function<void()>* question = nullptr;
  {
    const std::lock_guard lock(mutex_);
    question = question_;
  }
  if (question == nullptr) return;
  // Ctrl-C is a wish to stop, wherever it comes: no fault of the callback that it meets.
  const bool ends = !guarded(raised, stop, *question) && !raised->matches(PyExc_KeyboardInterrupt);
  const std::lock_guard lock(mutex_);
  raised_ = ends;
  question_ = nullptr;
  changed_.notify_all();
}

void Worker::run(const Work& work, const Listener& listener) {
  if (child_is_lost) {
    throw pals::Error(
        "this process was forked while another thread of its parent computed, and cannot compute: "
        "start processes before that, or with multiprocessing's \"spawn\"");
  }
  const UnderWay under_way;  // who waits for a turn holds locks now and then, too
  const Turn turn(*this);
  std::stop_source stop;
  std::optional<py::error_already_set> raised;
  start_thread();
  {
    const std::lock_guard lock(mutex_);
    work_ = &work;
    stop_ = stop.get_token();
    done_ = false;
    changed_.notify_all();
  }
  bool done = false;
  while (!done) {
    done = wait_for_news();
    guarded(raised, stop, [&] { deliver_log(listener); });
    answer(raised, stop);
    guarded(raised, stop, [&] {
      if (listener.stops && listener.stops()) stop.request_stop();
    });
    guarded(raised, stop, [] {
      if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    });
  }
  const std::exception_ptr error = std::exchange(error_, nullptr);
  if (raised) throw py::error_already_set(*raised);
  if (error) std::rethrow_exception(error);
}

void before_fork() { LogLines::all().before_fork(); }

void after_fork_in_parent() { LogLines::all().after_fork(); }

void after_fork_in_child() {
  LogLines::all().after_fork();
  child_is_lost = child_is_lost || pieces_of_work > 0;
}

}  // namespace pals_python

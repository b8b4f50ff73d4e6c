// Messages of the library, kept until a thread of Python hands them to its logging.
#pragma once

#include <mutex>
#include <string>
#include <vector>

namespace pals_python {

/// The lines of the whole process. The threads that write them never wait for the interpreter.
class LogLines {
 public:
  static LogLines& all();

  /// Has the library's lines come here.
  void start();
  std::vector<std::string> take();

  // Around fork(): the child must not find the lock held by a thread that it has not got.
  void before_fork() { mutex_.lock(); }
  void after_fork() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

}  // namespace pals_python

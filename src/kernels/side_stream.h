// A second queue of work of a device, for what nothing of the first one waits for.
#pragma once

#include <functional>

namespace pals {

/// Work on it goes on beside what is given to the device in the usual way. Weight gradients are
/// such work: nothing of backward reads them, and each of their kernels leaves most of a large card
/// idle. All of it happens in the order in which it was given, so that sums repeat bit for bit.
class SideStream {
 public:
  virtual ~SideStream() = default;
  /// Gives `work` to the device, behind everything that the device was given so far. It is kept,
  /// and with it the tensors that it holds, until the usual queue has waited for it: tensors that
  /// it reads must not be changed in place before.
  virtual void run(std::function<void()> work) = 0;
  /// Has the usual queue wait for what ran beside until the last call of this function.
  virtual void settle() = 0;
  /// Has the usual queue wait for all that ran beside.
  void join() {
    settle();
    settle();
  }
};

}  // namespace pals

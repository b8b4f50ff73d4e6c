// A device that computes beside the CPU, brought by a library that is loaded when it is wanted.
#pragma once

#include <c10/core/DeviceType.h>
#include <c10/util/intrusive_ptr.h>

#include <functional>
#include <memory>
#include <string>

#include "kernels/backend.h"
#include "kernels/side_stream.h"

namespace c10d {
class Backend;
class Store;
}  // namespace c10d

namespace pals {

/// Facts about one device.
struct AcceleratorInfo {
  std::string name;
  std::string id;                             ///< what no other device of this machine has
  int64_t total_memory = 0, free_memory = 0;  ///< bytes
};

/// Work that was recorded once and can be given to the device again as a whole.
class RecordedWork {
 public:
  virtual ~RecordedWork() = default;
  virtual void replay() = 0;
};

class Accelerator {
 public:
  virtual ~Accelerator() = default;
  virtual c10::DeviceType type() const = 0;
  virtual int device_count() const = 0;
  virtual AcceleratorInfo info(int index) const = 0;
  virtual const Backend& backend() const = 0;
  virtual void synchronize(int index) const = 0;
  /// Runs `work` once in recording mode (nothing is computed by it) on device `index`. Tensors
  /// allocated inside live in the record.
  virtual std::unique_ptr<RecordedWork> record(int index,
                                               const std::function<void()>& work) const = 0;
  /// For one record()ing: a queue of device `index` beside the one that is recorded.
  virtual std::unique_ptr<SideStream> side_stream(int index) const = 0;
  /// Joins device `index`, which from then on is the calling thread's usual one, with those of the
  /// other ranks, one for each; they meet in the store. Null if the library knows no collectives.
  virtual c10::intrusive_ptr<c10d::Backend> join_ranks(int index,
                                                       const c10::intrusive_ptr<c10d::Store>& store,
                                                       int rank, int size) const = 0;
};

/// The symbol of the library, "pals_accelerator".
using AcceleratorEntry = Accelerator* (*)();

}  // namespace pals

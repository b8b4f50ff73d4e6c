// Small arrays of the host on their way to the device.
#pragma once

#include <ATen/ATen.h>

#include <vector>

namespace pals {

/// Collects arrays and brings them to a device in one copy, from memory that the device reads while
/// the host goes on. On the CPU nothing is copied again.
class Upload {
 public:
  /// `bytes` is room for what is to come; what goes beyond takes another copy.
  Upload(at::Device device, int64_t bytes);
  /// The first copy goes into this memory (bytes, on a device other than the CPU), so that equal
  /// sizes give tensors at equal places.
  explicit Upload(const at::Tensor& target);

  /// A tensor on the device that has these values once send() was called.
  template <typename T>
  at::Tensor add(const std::vector<T>& values) {
    return add(values.data(), static_cast<int64_t>(values.size()),
               c10::CppTypeToScalarType<T>::value);
  }

  /// Gives the copies to the device. Nothing can be added afterwards.
  void send();

 private:
  struct Block {
    at::Tensor host, device;  ///< bytes
    int64_t used = 0;
  };

  at::Tensor add(const void* values, int64_t count, at::ScalarType type);
  void add_block(int64_t bytes, const at::Tensor& target = {});

  at::Device device_;
  std::vector<Block> blocks_;
  bool sent_ = false;
};

}  // namespace pals

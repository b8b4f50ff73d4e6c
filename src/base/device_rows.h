// How matrices lie in the memory of devices.
#pragma once

#include <cstdint>

namespace pals {

/// Rows of matrices of two-byte numbers begin at multiples of so many numbers on a device, 16
/// bytes: what tensor cores' products load at once. Others, such as rows of the 204 numbers of
/// projected attention, fall back to kernels of an older generation, several times slower.
inline constexpr int64_t kDeviceRowMultiple = 8;

/// The smallest multiple of it that is not less.
constexpr int64_t device_row(int64_t columns) {
  return (columns + kDeviceRowMultiple - 1) / kDeviceRowMultiple * kDeviceRowMultiple;
}

}  // namespace pals

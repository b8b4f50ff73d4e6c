#include "checkpoint/finite.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace pals {
namespace {

constexpr size_t kBlock = 4096;
constexpr uint32_t kExponent = 0x7f800000;  // all ones: infinite or no number

}  // namespace

bool all_finite(const TensorEntry& tensor) {
  const bool floating = tensor.dtype == DType::kF32 || tensor.dtype == DType::kF16 ||
                        tensor.dtype == DType::kBF16 || tensor.dtype == DType::kF64;
  if (!floating) return true;
  const size_t size = dtype_size(tensor.dtype), numel = tensor.bytes.size() / size;
  std::array<float, kBlock> values{};
  for (size_t at = 0; at < numel; at += kBlock) {
    const size_t count = std::min(kBlock, numel - at);
    copy_as_float({tensor.name,
                   tensor.dtype,
                   {static_cast<int64_t>(count)},
                   tensor.bytes.subspan(at * size, count * size)},
                  values.data(), count);
    bool finite = true;
    for (size_t i = 0; i < count; ++i) {
      finite &= (std::bit_cast<uint32_t>(values[i]) & kExponent) != kExponent;
    }
    if (!finite) return false;
  }
  return true;
}

}  // namespace pals

#include "checkpoint/tensor_file.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <limits>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

static_assert(std::endian::native == std::endian::little, "checkpoints are read without swapping");

/// IEEE binary16 to binary32; exact, NaN payloads kept.
float float_from_half(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 0x1fu;
  const uint32_t fraction = half & 0x3ffu;
  if (exponent == 0) {  // zero and subnormals: fraction * 2^-24
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
  }
  const uint32_t wide_exponent = exponent == 0x1fu ? 0xffu : exponent + (127 - 15);
  return std::bit_cast<float>(sign | wide_exponent << 23 | fraction << 13);
}

template <typename Element, typename Convert>
void convert_elements(const std::byte* source, float* out, size_t numel, Convert convert) {
  for (size_t index = 0; index < numel; ++index) {
    Element element;
    std::memcpy(&element, source + index * sizeof(Element), sizeof(Element));
    out[index] = convert(element);
  }
}

}  // namespace

size_t dtype_size(DType dtype) {
  switch (dtype) {
    case DType::kF64:
    case DType::kI64:
      return 8;
    case DType::kF32:
    case DType::kI32:
      return 4;
    case DType::kF16:
    case DType::kBF16:
    case DType::kI16:
      return 2;
    case DType::kI8:
    case DType::kU8:
    case DType::kBool:
      return 1;
  }
  fail("unknown element type ", static_cast<int>(dtype));
}

const char* dtype_name(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "F32";
    case DType::kF16:
      return "F16";
    case DType::kBF16:
      return "BF16";
    case DType::kF64:
      return "F64";
    case DType::kI64:
      return "I64";
    case DType::kI32:
      return "I32";
    case DType::kI16:
      return "I16";
    case DType::kI8:
      return "I8";
    case DType::kU8:
      return "U8";
    case DType::kBool:
      return "BOOL";
  }
  fail("unknown element type ", static_cast<int>(dtype));
}

int64_t TensorEntry::numel() const {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return count;
}

int64_t checked_numel(std::span<const int64_t> shape, DType dtype) {
  const int64_t limit =
      std::numeric_limits<int64_t>::max() / static_cast<int64_t>(dtype_size(dtype));
  bool empty = false;
  int64_t count = 1;  // of the dimensions that are not 0: strides are products of these
  for (const int64_t size : shape) {
    if (size < 0) return -1;
    empty |= size == 0;
    if (size > limit / count) return -1;
    count *= std::max<int64_t>(size, 1);
  }
  return empty ? 0 : count;
}

std::string shape_text(std::span<const int64_t> shape) {
  std::string text = "[";
  for (const int64_t size : shape) {
    if (text.size() > 1) text += ", ";
    text += std::to_string(size);
  }
  return text + "]";
}

TensorEntry make_tensor_entry(std::string name, DType dtype, std::vector<int64_t> shape,
                              const void* data) {
  const int64_t numel = checked_numel(shape, dtype);
  if (numel < 0) fail("tensor ", quote(name), ": impossible shape ", shape_text(shape));
  const size_t size = static_cast<size_t>(numel) * dtype_size(dtype);
  return {std::move(name), dtype, std::move(shape), {static_cast<const std::byte*>(data), size}};
}

const TensorEntry* TensorFile::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

void TensorFile::add(TensorEntry entry, std::string_view where) {
  if (!index_.emplace(entry.name, tensors_.size()).second) {
    fail(where, ": two tensors are named ", quote(entry.name), "; the file is damaged");
  }
  tensors_.push_back(std::move(entry));
}

void TensorFile::take(TensorFile part, std::string_view where) {
  for (TensorEntry& entry : part.tensors_) add(std::move(entry), where);
  std::ranges::move(part.mappings_, std::back_inserter(mappings_));
  std::ranges::move(part.buffers_, std::back_inserter(buffers_));
  left_out_ += part.left_out_;
}

std::span<std::byte> TensorFile::allocate(size_t size) {
  buffers_.push_back(std::make_unique<std::byte[]>(size));
  return {buffers_.back().get(), size};
}

void copy_as_float(const TensorEntry& tensor, float* out, size_t numel) {
  if (static_cast<size_t>(tensor.numel()) != numel ||
      tensor.bytes.size() / dtype_size(tensor.dtype) != numel) {
    fail("tensor ", quote(tensor.name), " of shape ", shape_text(tensor.shape), " has ",
         counted(tensor.numel(), "value"), ", expected ", numel);
  }
  const std::byte* source = tensor.bytes.data();
  switch (tensor.dtype) {
    case DType::kF32:
      if (numel > 0) std::memcpy(out, source, numel * sizeof(float));
      return;
    case DType::kF16:
      convert_elements<uint16_t>(source, out, numel, float_from_half);
      return;
    case DType::kBF16:
      convert_elements<uint16_t>(source, out, numel, [](uint16_t bits) {
        return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
      });
      return;
    case DType::kF64:
      convert_elements<double>(source, out, numel,
                               [](double value) { return static_cast<float>(value); });
      return;
    default:
      fail("tensor ", quote(tensor.name), " holds ", dtype_name(tensor.dtype),
           " values, expected floating point (F32, F16, BF16 or F64)");
  }
}

}  // namespace pals

// Named tensors as bytes, out of any checkpoint format: what the readers return and the writers
// take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/file.h"

namespace pals {

/// Element types, little-endian in memory and on disk.
enum class DType { kF32, kF16, kBF16, kF64, kI64, kI32, kI16, kI8, kU8, kBool };

/// Bytes of one element.
size_t dtype_size(DType dtype);

/// The name safetensors uses: "F32", "BF16", "BOOL", ...
const char* dtype_name(DType dtype);

/// One tensor: row-major, contiguous, little-endian. The bytes need not be aligned to the element
/// size (they may lie anywhere in a mapped file): read them with memcpy or copy_as_float.
struct TensorEntry {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;

  /// The product of the shape; 1 for a scalar.
  int64_t numel() const;
};

/// A tensor over memory of the caller's, its byte count derived from shape and type.
TensorEntry make_tensor_entry(std::string name, DType dtype, std::vector<int64_t> shape,
                              const void* data);

/// The product of a shape, or -1 if a dimension is negative or the bytes would not fit an int64,
/// which counts beside a dimension of 0 too: [0, 2^62, 2^62] is -1.
int64_t checked_numel(std::span<const int64_t> shape, DType dtype);

/// "[2, 48]", for messages.
std::string shape_text(std::span<const int64_t> shape);

/// The tensors of a checkpoint in file order, together with the memory their bytes lie in.
class TensorFile {
 public:
  TensorFile() = default;
  TensorFile(TensorFile&&) = default;
  TensorFile& operator=(TensorFile&&) = default;
  TensorFile(const TensorFile&) = delete;
  TensorFile& operator=(const TensorFile&) = delete;

  const std::vector<TensorEntry>& tensors() const { return tensors_; }

  /// The tensor of that name, or null.
  const TensorEntry* find(std::string_view name) const;

  /// Free text pairs of the file (safetensors' __metadata__); empty for other formats.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  std::map<std::string, std::string>& metadata() { return metadata_; }

  /// Appends a tensor whose bytes outlive this object or lie in memory given to keep() or
  /// allocate(). Throws Error for a name that is already there. `where` names the file.
  void add(TensorEntry entry, std::string_view where);

  /// How many variables of the file its reader left out, such as an optimizer's slots.
  size_t left_out() const { return left_out_; }
  void leave_out() { ++left_out_; }

  /// Takes over the tensors of another file, with their memory. Throws Error as add() does.
  void take(TensorFile part, std::string_view where);

  /// Keeps a mapping alive as long as this object.
  void keep(MappedFile file) { mappings_.push_back(std::move(file)); }

  /// Zeroed memory owned by this object; never moves.
  std::span<std::byte> allocate(size_t size);

 private:
  struct NameHash {
    using is_transparent = void;
    size_t operator()(std::string_view name) const { return std::hash<std::string_view>{}(name); }
  };

  std::vector<TensorEntry> tensors_;
  std::unordered_map<std::string, size_t, NameHash, std::equal_to<>> index_;
  std::map<std::string, std::string> metadata_;
  std::vector<MappedFile> mappings_;
  std::vector<std::unique_ptr<std::byte[]>> buffers_;
  size_t left_out_ = 0;
};

/// Writes the tensor's values to out[0 .. numel) as floats: F32 bit for bit, F16 and BF16 exactly,
/// F64 rounded. Throws Error for other types or when `numel` is not the tensor's.
void copy_as_float(const TensorEntry& tensor, float* out, size_t numel);

}  // namespace pals

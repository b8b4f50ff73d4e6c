#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <tuple>

#include "base/error.h"
#include "base/text_util.h"
#include "checkpoint/pytorch_file.h"
#include "checkpoint/zip.h"

namespace pals {
namespace {

/// The bytes of a pickle, protocol 2, in the few opcodes that a state dict takes.
class PickleWriter {
 public:
  PickleWriter() { opcodes("\x80\x02"); }

  PickleWriter& opcodes(std::string_view bytes) {
    bytes_ += bytes;
    return *this;
  }

  PickleWriter& text(std::string_view text) {
    if (text.size() > UINT32_MAX) fail("a name of ", text.size(), " bytes cannot be saved");
    opcodes("X").little_endian(static_cast<int64_t>(text.size()), 4);
    return opcodes(text);
  }

  PickleWriter& integer(int64_t number) {
    if (number >= INT32_MIN && number <= INT32_MAX) return opcodes("J").little_endian(number, 4);
    return opcodes("\x8a\x08").little_endian(number, 8);
  }

  PickleWriter& integers(std::span<const int64_t> numbers) {
    opcodes("(");
    for (const int64_t number : numbers) integer(number);
    return opcodes("t");
  }

  const std::string& bytes() const { return bytes_; }

 private:
  PickleWriter& little_endian(int64_t number, size_t size) {
    bytes_.append(reinterpret_cast<const char*>(&number), size);
    return *this;
  }

  std::string bytes_;
};

const char* storage_name(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "FloatStorage";
    case DType::kF16:
      return "HalfStorage";
    case DType::kBF16:
      return "BFloat16Storage";
    case DType::kF64:
      return "DoubleStorage";
    case DType::kI64:
      return "LongStorage";
    case DType::kI32:
      return "IntStorage";
    case DType::kI16:
      return "ShortStorage";
    case DType::kI8:
      return "CharStorage";
    case DType::kU8:
      return "ByteStorage";
    case DType::kBool:
      return "BoolStorage";
  }
  fail("unknown element type ", static_cast<int>(dtype));
}

std::vector<int64_t> contiguous_strides(std::span<const int64_t> shape) {
  std::vector<int64_t> strides(shape.size(), 1);
  for (size_t axis = shape.size(); axis-- > 1;) {
    strides[axis - 1] = strides[axis] * std::max<int64_t>(shape[axis], 1);
  }
  return strides;
}

void write_tensor(PickleWriter& pickle, const TensorEntry& tensor, size_t storage) {
  const int64_t numel = tensor.numel();
  pickle.text(tensor.name).opcodes("ctorch._utils\n_rebuild_tensor_v2\n(");
  pickle.opcodes("(").text("storage").opcodes("ctorch\n").opcodes(storage_name(tensor.dtype));
  pickle.opcodes("\n").text(std::to_string(storage)).text("cpu").integer(numel).opcodes("tQ");
  pickle.integer(0).integers(tensor.shape).integers(contiguous_strides(tensor.shape));
  pickle.opcodes(
      "\x89"
      "ccollections\nOrderedDict\n)RtR");  // requires_grad, no hooks
}

}  // namespace

void write_pytorch_file(const std::string& path, std::span<const TensorEntry> tensors) {
  std::set<std::string_view> names;
  std::map<std::tuple<const std::byte*, size_t, DType>, size_t> known;
  std::vector<std::span<const std::byte>> storages;
  PickleWriter pickle;
  pickle.opcodes("ccollections\nOrderedDict\n)R(");
  for (const TensorEntry& tensor : tensors) {
    const int64_t numel = checked_numel(tensor.shape, tensor.dtype);
    if (numel < 0 || tensor.bytes.size() != static_cast<size_t>(numel) * dtype_size(tensor.dtype)) {
      fail(path, ": tensor ", quote(tensor.name), ": ", tensor.bytes.size(),
           " bytes do not hold shape ", shape_text(tensor.shape), " of ", dtype_name(tensor.dtype));
    }
    if (!names.insert(tensor.name).second) {
      fail(path, ": two tensors to write are named ", quote(tensor.name));
    }
    size_t storage = storages.size();
    if (numel > 0) {
      const std::tuple memory(tensor.bytes.data(), tensor.bytes.size(), tensor.dtype);
      storage = known.emplace(memory, storage).first->second;
    }
    if (storage == storages.size()) storages.push_back(tensor.bytes);
    write_tensor(pickle, tensor, storage);
  }
  pickle.opcodes("u.");

  ZipWriter zip(path);
  zip.add("archive/data.pkl", pickle.bytes());
  zip.add("archive/byteorder", "little");
  for (size_t storage = 0; storage < storages.size(); ++storage) {
    const std::span<const std::byte> bytes = storages[storage];
    zip.add("archive/data/" + std::to_string(storage),
            {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  }
  zip.add("archive/version", "3\n");
  zip.commit();
}

}  // namespace pals

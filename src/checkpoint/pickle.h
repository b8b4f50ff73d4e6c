// A restricted pickle machine: builds plain values and torch tensor descriptions, runs nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/tensor_file.h"

namespace pals {

/// Limits that hold for every pickle; more is an Error. They bound memory to a few hundred
/// megabytes whatever the bytes say, and lie far above what a checkpoint needs.
inline constexpr size_t kMaxPickleBytes = size_t{64} << 20;
inline constexpr size_t kMaxPickleValues = size_t{1} << 21;   ///< distinct ones, and on the stack
inline constexpr size_t kMaxPickleItems = size_t{1} << 23;    ///< places in all containers together
inline constexpr size_t kMaxPickleTensors = size_t{1} << 17;  ///< tensors, and storages
inline constexpr size_t kMaxPickleDepth = 500;

/// What a PickleValue is.
enum class PickleKind : uint8_t {
  kNone,
  kBool,     ///< integer: 0 or 1
  kInt,      ///< integer
  kBigInt,   ///< text: more than 8 bytes, little-endian two's complement
  kFloat,    ///< real
  kString,   ///< text: UTF-8
  kBytes,    ///< text: any bytes
  kTuple,    ///< items
  kList,     ///< items
  kDict,     ///< items: key, value, key, value, ... in order of insertion
  kGlobal,   ///< a known class or function
  kStorage,  ///< integer: index into PickleDocument::storages
  kTensor,   ///< integer: index into PickleDocument::tensors
  kObject,   ///< a class, function or object that is not understood; items: its module and name
};

/// Index into PickleDocument::values.
using PickleRef = uint32_t;

/// One value. Texts point into the pickled bytes.
struct PickleValue {
  PickleKind kind = PickleKind::kNone;
  union {
    int64_t integer = 0;
    double real;
  };
  std::string_view text;
  std::vector<PickleRef> items;
};

/// A storage named by a persistent id; its bytes lie elsewhere in the file, under `key`.
struct PickleStorage {
  DType dtype = DType::kF32;
  std::string_view key;
  int64_t numel = 0;        ///< elements of the whole storage
  int64_t view_offset = 0;  ///< of the whole, this is [view_offset, view_offset + view_numel)
  int64_t view_numel = 0;
};

/// A tensor over a storage; checked to lie inside it.
struct PickleTensor {
  size_t storage = 0;  ///< index into PickleDocument::storages
  int64_t offset = 0;  ///< elements, from the start of the storage's view
  std::vector<int64_t> shape;
  std::vector<int64_t> strides;
};

/// The values of one pickle: a graph without cycles, no deeper than kMaxPickleDepth.
struct PickleDocument {
  std::vector<PickleValue> values;
  std::vector<PickleStorage> storages;
  std::vector<PickleTensor> tensors;
  PickleRef root = 0;
  size_t size = 0;  ///< bytes read, STOP included

  const PickleValue& root_value() const { return values[root]; }
  const PickleValue& value(PickleRef ref) const { return values[ref]; }

  /// The value of a string key in a dict, the last if there are several; null if there is none.
  const PickleValue* lookup(const PickleValue& dict, std::string_view key) const;

  /// "argparse.Namespace": the global that a kObject was made with, cut and escaped for messages.
  std::string object_name(const PickleValue& object) const;
};

/// Reads the pickle (protocol 2 to 5) at the start of `bytes`, which must outlive the result.
/// Understood: None, booleans, numbers, texts, bytes, tuples, lists, sets, dicts, OrderedDict,
/// torch.Size, torch.device, torch dtypes, storages by persistent id, and tensors and parameters
/// over them. Any other global, and whatever is made with it, is a kObject without content: nothing
/// is looked up, called or imported. An Error that starts with `where` says what is not well
/// formed, and names the global if the whole pickle is a kObject.
PickleDocument read_pickle(std::string_view bytes, const std::string& where);

}  // namespace pals

#include "checkpoint/pickle_builder.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace pals {
namespace {

constexpr size_t kMaxPickleRank = 16;
constexpr size_t kMaxBigInt = 256;

/// The globals that are understood. Storages are offset by their element type.
enum PickleGlobal : int64_t {
  kOrderedDict,
  kRebuildTensor,
  kRebuildTensorV2,
  kRebuildParameter,
  kSize,
  kDevice,
  kDTypeGlobal,
  kFirstStorage = 100,
};

constexpr int64_t storage_of(DType dtype) { return kFirstStorage + static_cast<int64_t>(dtype); }

struct NamedGlobal {
  std::string_view name;
  int64_t global;
};

constexpr NamedGlobal kGlobals[] = {
    {"collections.OrderedDict", kOrderedDict},
    {"torch._utils._rebuild_tensor", kRebuildTensor},
    {"torch._utils._rebuild_tensor_v2", kRebuildTensorV2},
    {"torch._utils._rebuild_parameter", kRebuildParameter},
    {"torch.Size", kSize},
    {"torch.device", kDevice},
    {"torch.float32", kDTypeGlobal},
    {"torch.float16", kDTypeGlobal},
    {"torch.bfloat16", kDTypeGlobal},
    {"torch.float64", kDTypeGlobal},
    {"torch.int64", kDTypeGlobal},
    {"torch.int32", kDTypeGlobal},
    {"torch.int16", kDTypeGlobal},
    {"torch.int8", kDTypeGlobal},
    {"torch.uint8", kDTypeGlobal},
    {"torch.bool", kDTypeGlobal},
    {"torch.FloatStorage", storage_of(DType::kF32)},
    {"torch.HalfStorage", storage_of(DType::kF16)},
    {"torch.BFloat16Storage", storage_of(DType::kBF16)},
    {"torch.DoubleStorage", storage_of(DType::kF64)},
    {"torch.LongStorage", storage_of(DType::kI64)},
    {"torch.IntStorage", storage_of(DType::kI32)},
    {"torch.ShortStorage", storage_of(DType::kI16)},
    {"torch.CharStorage", storage_of(DType::kI8)},
    {"torch.ByteStorage", storage_of(DType::kU8)},
    {"torch.BoolStorage", storage_of(DType::kBool)},
};

/// Whether the text is UTF-8 in shortest form and without surrogates.
bool is_utf8(std::string_view text) {
  for (size_t place = 0; place < text.size();) {
    const auto byte_at = [&](size_t index) -> uint32_t {
      return index < text.size() ? static_cast<unsigned char>(text[index]) : 0;
    };
    const uint32_t first = byte_at(place);
    const size_t length = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : 4;
    if (length == 4 && first >> 3 != 30) return false;
    uint32_t code = length == 1 ? first : first & (0x7fu >> length);
    for (size_t index = 1; index < length; ++index) {
      const uint32_t next = byte_at(place + index);
      if (next >> 6 != 2) return false;
      code = code << 6 | (next & 0x3fu);
    }
    constexpr std::array<uint32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
    if (code < kSmallest[length] || code > 0x10ffff || code >> 11 == 0x1b) return false;
    place += length;
  }
  return true;
}

/// Whether every element lies in the storage. Nothing here can overflow.
bool lies_inside(const PickleTensor& tensor, const PickleStorage& storage) {
  if (tensor.shape.size() != tensor.strides.size()) return false;
  const int64_t numel = checked_numel(tensor.shape, storage.dtype);
  if (numel <= 0) return numel == 0;
  int64_t last = tensor.offset;
  for (size_t axis = 0; axis < tensor.shape.size(); ++axis) {
    const int64_t steps = tensor.shape[axis] - 1;
    if (last >= storage.view_numel) return false;
    if (steps > 0 && tensor.strides[axis] > (storage.view_numel - last) / steps) return false;
    if (steps > 0) last += steps * tensor.strides[axis];
  }
  return last < storage.view_numel;
}

}  // namespace

void PickleBuilder::refuse(const std::string& what) const {
  fail(where_, ": ", what, " at byte ", position_,
       " of the pickle; expected a state dict of tensors, or the file is damaged");
}

PickleRef PickleBuilder::make(PickleKind kind) {
  if (document_.values.size() == kMaxPickleValues) {
    refuse(concat("more than ", kMaxPickleValues, " values"));
  }
  document_.values.emplace_back().kind = kind;
  return static_cast<PickleRef>(document_.values.size() - 1);
}

PickleRef PickleBuilder::make_integer(PickleKind kind, int64_t integer) {
  const PickleRef ref = make(kind);
  value(ref).integer = integer;
  return ref;
}

PickleRef PickleBuilder::make_float(double real) {
  const PickleRef ref = make(PickleKind::kFloat);
  value(ref).real = real;
  return ref;
}

PickleRef PickleBuilder::make_text(PickleKind kind, std::string_view text) {
  const PickleRef ref = make(kind);
  value(ref).text = text;
  return ref;
}

PickleRef PickleBuilder::make_string(std::string_view text) {
  if (!is_utf8(text)) refuse("a text that is not UTF-8");
  return make_text(PickleKind::kString, text);
}

std::string_view PickleBuilder::text_of(PickleRef string) const {
  if (value(string).kind != PickleKind::kString) refuse("something that is not a name");
  return value(string).text;
}

PickleRef PickleBuilder::make_long(std::string_view digits) {
  if (digits.size() > kMaxBigInt) refuse(concat("an integer of ", digits.size(), " bytes"));
  if (digits.size() > sizeof(int64_t)) return make_text(PickleKind::kBigInt, digits);
  const bool negative = !digits.empty() && (digits.back() & 0x80) != 0;
  uint64_t number = negative ? ~uint64_t{0} : 0;
  std::memcpy(&number, digits.data(), digits.size());
  return make_integer(PickleKind::kInt, static_cast<int64_t>(number));
}

PickleRef PickleBuilder::make_tuple(std::span<const PickleRef> items) {
  charge_items(items.size());
  const PickleRef ref = make(PickleKind::kTuple);
  value(ref).items.assign(items.begin(), items.end());
  return ref;
}

void PickleBuilder::append(PickleRef list, std::span<const PickleRef> items) {
  PickleValue& target = value(list);
  if (target.kind == PickleKind::kObject) return;
  if (target.kind != PickleKind::kList) refuse("an append to something that is not a list");
  charge_items(items.size());
  target.items.insert(target.items.end(), items.begin(), items.end());
}

void PickleBuilder::set_items(PickleRef dict, std::span<const PickleRef> keys_and_values) {
  PickleValue& target = value(dict);
  if (target.kind == PickleKind::kObject) return;
  if (target.kind != PickleKind::kDict) refuse("an entry for something that is not a dict");
  if (keys_and_values.size() % 2 != 0) refuse("a key without a value");
  charge_items(keys_and_values.size());
  for (size_t place = 0; place < keys_and_values.size(); place += 2) {
    const PickleKind kind = value(keys_and_values[place]).kind;
    if (kind == PickleKind::kList || kind == PickleKind::kDict) {
      refuse("a dict key that cannot be one");
    }
  }
  target.items.insert(target.items.end(), keys_and_values.begin(), keys_and_values.end());
}

PickleRef PickleBuilder::find_global(std::string_view module, std::string_view name) {
  for (const NamedGlobal& known : kGlobals) {
    if (known.name.size() == module.size() + 1 + name.size() && known.name.starts_with(module) &&
        known.name[module.size()] == '.' && known.name.ends_with(name)) {
      return make_integer(PickleKind::kGlobal, known.global);
    }
  }
  const std::array parts = {make_text(PickleKind::kString, module),
                            make_text(PickleKind::kString, name)};
  return make_object(parts);
}

PickleRef PickleBuilder::make_object(std::span<const PickleRef> module_and_name) {
  charge_items(module_and_name.size());
  const PickleRef ref = make_integer(PickleKind::kObject, static_cast<int64_t>(position_));
  value(ref).items.assign(module_and_name.begin(), module_and_name.end());
  return ref;
}

PickleRef PickleBuilder::call(PickleRef callable, PickleRef arguments) {
  if (value(callable).kind == PickleKind::kObject) {
    const std::vector<PickleRef> parts = value(callable).items;  // values may move below
    return make_object(parts);
  }
  if (value(callable).kind != PickleKind::kGlobal) refuse("a call of something that is no global");
  if (items_of(arguments, PickleKind::kTuple, "a tuple of arguments").size() > 8) {
    refuse("a call with too many arguments");
  }
  const std::vector<PickleRef> items = value(arguments).items;  // values may move below
  switch (value(callable).integer) {
    case kOrderedDict:
      return make_ordered_dict(items);
    case kRebuildTensor:  // storage, offset, size, stride
      if (items.size() != 4) refuse("a tensor of an unknown torch version");
      return make_tensor(items);
    case kRebuildTensorV2:  // and requires_grad, hooks; since 2.0 also metadata
      if (items.size() != 6 && items.size() != 7) refuse("a tensor of an unknown torch version");
      return make_tensor(items);
    case kRebuildParameter:  // tensor, requires_grad, hooks
      if (items.size() != 3 || value(items[0]).kind != PickleKind::kTensor) {
        refuse("a parameter that is not a tensor");
      }
      return items[0];
    case kSize:
      if (items.size() != 1) refuse("a torch.Size without its sizes");
      items_of(items[0], PickleKind::kTuple, "a tuple of sizes");
      return items[0];
    case kDevice:
      return make(PickleKind::kNone);  // where a tensor was does not decide where it goes
    default:
      refuse("a call of something that cannot be called");
  }
}

void PickleBuilder::set_attributes(PickleRef object) const {
  if (value(object).kind == PickleKind::kObject) return;
  items_of(object, PickleKind::kDict, "a dict, yet has attributes");
}

PickleRef PickleBuilder::make_storage(PickleRef id) {
  const std::vector<PickleRef>& items = items_of(id, PickleKind::kTuple, "a storage");
  if (items.size() != 5 && items.size() != 6) refuse("something that is not a storage");
  const PickleValue& tag = value(items[0]);
  const PickleValue& type = value(items[1]);
  const PickleValue& key = value(items[2]);
  if (tag.kind != PickleKind::kString || tag.text != "storage" ||
      type.kind != PickleKind::kGlobal || type.integer < kFirstStorage ||
      key.kind != PickleKind::kString) {
    refuse("something that is not a storage");
  }
  PickleStorage storage;
  storage.dtype = static_cast<DType>(type.integer - kFirstStorage);
  storage.key = key.text;
  storage.numel = count_of(items[4], "a storage size");
  if (checked_numel(std::array{storage.numel}, storage.dtype) < 0) {
    refuse(concat("a storage of ", storage.numel, " elements"));
  }
  storage.view_numel = storage.numel;
  if (items.size() == 6 && value(items[5]).kind != PickleKind::kNone) {
    const auto& view = items_of(items[5], PickleKind::kTuple, "a storage view");
    if (view.size() != 3) refuse("something that is not a storage view");
    storage.view_offset = count_of(view[1], "a storage offset");
    storage.view_numel = count_of(view[2], "a storage size");
    if (storage.view_offset > storage.numel ||
        storage.view_numel > storage.numel - storage.view_offset) {
      refuse(concat("a storage view outside its storage of ", storage.numel, " elements"));
    }
  }
  if (document_.storages.size() == kMaxPickleTensors) {
    refuse(concat("more than ", kMaxPickleTensors, " storages"));
  }
  document_.storages.push_back(storage);
  return make_integer(PickleKind::kStorage, static_cast<int64_t>(document_.storages.size()) - 1);
}

PickleDocument PickleBuilder::finish(PickleRef root, size_t size) {
  document_.root = root;
  document_.size = size;
  if (value(root).kind == PickleKind::kObject) {
    fail(where_, ": refused: ", document_.object_name(value(root)), " (byte ", value(root).integer,
         " of the pickle); objects other than tensors are not read: save the weights alone, ",
         "torch.save(model.state_dict(), path)");
  }
  check_graph();
  return std::move(document_);
}

const std::vector<PickleRef>& PickleBuilder::items_of(PickleRef ref, PickleKind kind,
                                                      const char* expected) const {
  if (value(ref).kind != kind) refuse(concat("something that is not ", expected));
  return value(ref).items;
}

int64_t PickleBuilder::count_of(PickleRef ref, const char* expected) const {
  const PickleValue& found = value(ref);
  if (found.kind != PickleKind::kInt || found.integer < 0) {
    refuse(concat("something that is not ", expected));
  }
  return found.integer;
}

std::vector<int64_t> PickleBuilder::counts_of(PickleRef ref, const char* expected) const {
  const std::vector<PickleRef>& items = items_of(ref, PickleKind::kTuple, expected);
  if (items.size() > kMaxPickleRank) refuse(concat("a tensor of ", items.size(), " dimensions"));
  std::vector<int64_t> counts;
  counts.reserve(items.size());
  for (const PickleRef item : items) counts.push_back(count_of(item, expected));
  return counts;
}

void PickleBuilder::charge_items(size_t count) {
  item_count_ += count;
  if (item_count_ > kMaxPickleItems) {
    refuse(concat("more than ", kMaxPickleItems, " items in containers"));
  }
}

PickleRef PickleBuilder::make_ordered_dict(const std::vector<PickleRef>& arguments) {
  if (arguments.size() > 1) refuse("an OrderedDict of several arguments");
  const PickleRef dict = make(PickleKind::kDict);
  if (arguments.empty()) return dict;
  // Python 2: one list of [key, value] lists.
  for (const PickleRef pair : items_of(arguments[0], PickleKind::kList, "a list of pairs")) {
    const PickleValue& both = value(pair);
    const bool sequence = both.kind == PickleKind::kList || both.kind == PickleKind::kTuple;
    if (!sequence || both.items.size() != 2) refuse("something that is not a pair");
    set_items(dict, both.items);
  }
  return dict;
}

PickleRef PickleBuilder::make_tensor(const std::vector<PickleRef>& arguments) {
  const PickleValue& over = value(arguments[0]);
  if (over.kind != PickleKind::kStorage) refuse("a tensor without a storage");
  PickleTensor tensor;
  tensor.storage = static_cast<size_t>(over.integer);
  tensor.offset = count_of(arguments[1], "a storage offset");
  tensor.shape = counts_of(arguments[2], "a tensor size");
  tensor.strides = counts_of(arguments[3], "a tensor stride");
  const PickleStorage& storage = document_.storages[tensor.storage];
  if (!lies_inside(tensor, storage)) {
    refuse(concat("a tensor of shape ", shape_text(tensor.shape), ", strides ",
                  shape_text(tensor.strides), " and offset ", tensor.offset,
                  " outside its storage of ", storage.view_numel, " elements"));
  }
  if (document_.tensors.size() == kMaxPickleTensors) {
    refuse(concat("more than ", kMaxPickleTensors, " tensors"));
  }
  for (size_t axis = 0; axis < tensor.shape.size(); ++axis) {
    if (tensor.shape[axis] <= 1) tensor.strides[axis] = 0;  // unchecked above, and never used
  }
  document_.tensors.push_back(std::move(tensor));
  return make_integer(PickleKind::kTensor, static_cast<int64_t>(document_.tensors.size()) - 1);
}

/// Visits each value below the root once, without recursion.
void PickleBuilder::check_graph() const {
  constexpr uint16_t kNew = 0, kOpen = 0xffff;  // otherwise the height, once done
  struct Visit {
    PickleRef ref;
    size_t next;
  };
  std::vector<uint16_t> heights(document_.values.size(), kNew);
  std::vector<Visit> path = {{document_.root, 0}};
  heights[document_.root] = kOpen;
  while (!path.empty()) {
    Visit& visit = path.back();
    const std::vector<PickleRef>& items = value(visit.ref).items;
    if (visit.next < items.size()) {
      const PickleRef item = items[visit.next++];
      if (heights[item] == kOpen) {
        fail(where_, ": the pickle has a value that contains itself; expected a state dict");
      }
      if (heights[item] == kNew) {
        heights[item] = kOpen;
        path.push_back({item, 0});
      }
      continue;
    }
    size_t height = 1;
    for (const PickleRef item : items) height = std::max<size_t>(height, heights[item] + size_t{1});
    if (height > kMaxPickleDepth) {
      fail(where_, ": the pickle nests deeper than ", kMaxPickleDepth, "; expected a state dict");
    }
    heights[visit.ref] = static_cast<uint16_t>(height);
    path.pop_back();
  }
}

}  // namespace pals

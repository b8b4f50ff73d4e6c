#include "checkpoint/pytorch_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "checkpoint/pickle.h"
#include "checkpoint/zip.h"

namespace pals {
namespace {

/// Where training programs keep the weights, the likeliest first.
constexpr std::array<std::string_view, 8> kNestedKeys = {
    "state_dict", "model", "model_state_dict", "state", "module", "weights", "network", "net"};
constexpr int kMaxNesting = 3;

/// 0x1950a86a20f9469cfc6c as pickled: what torch.save began with before 1.6.
constexpr std::string_view kLegacyMagic{"\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10};
constexpr int64_t kLegacyProtocol = 1001;

/// Bytes of each storage of a document; empty views for storages that no tensor needs.
using StorageBytes = std::vector<std::string_view>;

bool holds_tensor(const PickleDocument& document, const PickleValue& dict) {
  if (dict.kind != PickleKind::kDict) return false;
  for (size_t place = 1; place < dict.items.size(); place += 2) {
    if (document.value(dict.items[place]).kind == PickleKind::kTensor) return true;
  }
  return false;
}

/// The state dict under one of the known keys, or under several of them; null if there is none.
const PickleValue* find_nested(const PickleDocument& document, const PickleValue& dict, int depth) {
  for (const std::string_view key : kNestedKeys) {
    const PickleValue* nested = document.lookup(dict, key);
    if (nested == nullptr) continue;
    if (depth > 1) {
      if (const PickleValue* deeper = find_nested(document, *nested, depth - 1)) return deeper;
    }
    if (holds_tensor(document, *nested)) return nested;
  }
  return nullptr;
}

const PickleValue& find_state_dict(const PickleDocument& document, const std::string& where) {
  const PickleValue& root = document.root_value();
  if (const PickleValue* nested = find_nested(document, root, kMaxNesting)) return *nested;
  if (holds_tensor(document, root)) return root;
  std::vector<std::string> keys;
  const PickleValue* only = nullptr;
  for (size_t place = 0; root.kind == PickleKind::kDict && place < root.items.size(); place += 2) {
    const PickleValue& key = document.value(root.items[place]);
    const PickleValue& item = document.value(root.items[place + 1]);
    if (key.kind != PickleKind::kString || !holds_tensor(document, item)) continue;
    if (keys.size() < 3) keys.push_back(quote(key.text, 40));
    only = keys.size() == 1 ? &item : nullptr;
  }
  if (only != nullptr) return *only;
  if (!keys.empty()) {
    fail(where, ": tensors under the keys ", join(keys, ", "),
         "; which are the weights? Save them ", "alone: torch.save(checkpoint[KEY], path)");
  }
  const auto object = std::ranges::find(document.values, PickleKind::kObject, &PickleValue::kind);
  fail(where, ": no tensors in the saved object",
       object == document.values.end()
           ? ""
           : concat(" beside objects that are not read (", document.object_name(*object), ")"),
       "; expected a state dict, or one under a key such as state_dict or model: save it with ",
       "torch.save(model.state_dict(), path)");
}

/// A tensor of a kind that is not understood must not vanish; other objects in a state dict may.
void check_not_a_tensor(const PickleDocument& document, std::string_view key,
                        const PickleValue& item, const std::string& where) {
  if (item.kind != PickleKind::kObject) return;
  const std::string name = document.object_name(item);
  if (!name.starts_with("torch.")) return;
  fail(where, ": refused: ", quote(key), " is made with ", name, ", which is not read; save it as ",
       "a plain dense tensor");
}

bool is_contiguous(const PickleTensor& tensor) {
  int64_t expected = 1;
  for (size_t axis = tensor.shape.size(); axis-- > 0;) {
    if (tensor.shape[axis] != 1 && tensor.strides[axis] != expected) return false;
    expected *= tensor.shape[axis];
  }
  return true;
}

/// Copies a tensor into row-major order; its strides were checked against the storage.
void gather(const PickleTensor& tensor, const char* source, size_t element, std::byte* out) {
  std::vector<int64_t> place(tensor.shape.size(), 0);
  int64_t position = 0;
  while (true) {
    std::memcpy(out, source + static_cast<size_t>(position) * element, element);
    out += element;
    size_t axis = tensor.shape.size();
    while (axis-- > 0) {
      position += tensor.strides[axis];
      if (++place[axis] < tensor.shape[axis]) break;
      position -= place[axis] * tensor.strides[axis];
      place[axis] = 0;
    }
    if (axis == static_cast<size_t>(-1)) return;
  }
}

/// Turns the state dict into entries. `file_size` bounds what strided tensors may expand to.
TensorFile make_tensor_file(const PickleDocument& document, const StorageBytes& storages,
                            size_t file_size, const std::string& where) {
  const PickleValue& dict = find_state_dict(document, where);
  const size_t copy_limit = file_size * 4;
  size_t copied = 0;
  TensorFile file;
  for (size_t place = 0; place < dict.items.size(); place += 2) {
    const PickleValue& key = document.value(dict.items[place]);
    const PickleValue& item = document.value(dict.items[place + 1]);
    if (key.kind != PickleKind::kString) continue;
    check_not_a_tensor(document, key.text, item, where);
    if (item.kind != PickleKind::kTensor) continue;
    if (file.tensors().size() == kMaxPickleTensors) {
      fail(where, ": more than ", kMaxPickleTensors, " tensors");
    }
    const PickleTensor& tensor = document.tensors[static_cast<size_t>(item.integer)];
    const PickleStorage& storage = document.storages[tensor.storage];
    const size_t element = dtype_size(storage.dtype);
    TensorEntry entry =
        make_tensor_entry(std::string(key.text), storage.dtype, tensor.shape, nullptr);
    const size_t size = entry.bytes.size();
    if (size > 0) {
      const auto first = static_cast<size_t>(storage.view_offset + tensor.offset);
      const char* source = storages[tensor.storage].data() + first * element;
      if (is_contiguous(tensor)) {
        entry.bytes = {reinterpret_cast<const std::byte*>(source), size};
      } else {
        if (size > copy_limit - copied) {
          fail(where, ": tensor ", quote(key.text), " of shape ", shape_text(tensor.shape),
               " expands a smaller storage; save it with .contiguous()");
        }
        copied += size;
        const std::span<std::byte> owned = file.allocate(size);
        gather(tensor, source, element, owned.data());
        entry.bytes = owned;
      }
    }
    file.add(std::move(entry), where);
  }
  return file;
}

uint64_t storage_size(const PickleStorage& storage) {
  return static_cast<uint64_t>(storage.numel) * dtype_size(storage.dtype);
}

TensorFile parse_zip(std::string_view bytes, const std::string& where) {
  const std::vector<ZipEntry> entries = read_stored_zip(bytes, where);
  std::unordered_map<std::string_view, std::string_view> contents;
  std::string root;
  for (const ZipEntry& entry : entries) {
    contents.emplace(entry.name, entry.bytes);
    const size_t slash = entry.name.find('/');
    if (slash != std::string::npos && entry.name.substr(slash) == "/data.pkl") {
      if (!root.empty()) fail(where, ": two entries named data.pkl; not a PyTorch save file");
      root = entry.name.substr(0, slash + 1);
    }
  }
  if (root.empty()) {
    fail(where, ": a zip file without an entry data.pkl; expected a PyTorch save file");
  }
  if (contents.contains(root + "constants.pkl")) {
    fail(where, ": a TorchScript archive; expected a state dict: torch.save(model.state_dict(), ",
         "path)");
  }
  const auto order = contents.find(root + "byteorder");
  if (order != contents.end() && order->second != "little") {
    fail(where, ": byte order ", quote(order->second), ", only little is supported");
  }
  const std::string_view pickled = contents.at(root + "data.pkl");
  const PickleDocument document = read_pickle(pickled, where);
  if (document.size != pickled.size()) {
    fail(where, ": ", pickled.size() - document.size, " bytes after the end of data.pkl");
  }
  StorageBytes storages;
  for (const PickleStorage& storage : document.storages) {
    const auto found = contents.find(concat(root, "data/", storage.key));
    if (found == contents.end()) {
      fail(where, ": storage ", quote(storage.key), " is missing; the file is damaged");
    }
    if (found->second.size() != storage_size(storage)) {
      fail(where, ": storage ", quote(storage.key), " has ", found->second.size(),
           " bytes, expected ", storage_size(storage));
    }
    storages.push_back(found->second);
  }
  return make_tensor_file(document, storages, bytes.size(), where);
}

/// Consecutive pickles at the start of a file.
class PickleSequence {
 public:
  PickleSequence(std::string_view bytes, const std::string& where) : rest_(bytes), where_(where) {}

  PickleDocument next() {
    PickleDocument document = read_pickle(rest_, where_);
    rest_.remove_prefix(document.size);
    return document;
  }

  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  const std::string& where_;
};

/// Magic number, protocol, system, object, keys of the storages; then for each key its number of
/// elements in 8 bytes and the elements.
TensorFile parse_legacy(std::string_view bytes, const std::string& where) {
  PickleSequence pickles(bytes, where);
  if (pickles.next().root_value().text != kLegacyMagic) {
    fail(where, ": a pickle without PyTorch's magic number; expected a file of torch.save");
  }
  const PickleDocument protocol = pickles.next();
  if (protocol.root_value().kind != PickleKind::kInt ||
      protocol.root_value().integer != kLegacyProtocol) {
    fail(where, ": not version ", kLegacyProtocol, " of the format before PyTorch 1.6");
  }
  const PickleDocument system = pickles.next();
  const PickleValue* little = system.lookup(system.root_value(), "little_endian");
  if (little == nullptr || little->kind != PickleKind::kBool || little->integer == 0) {
    fail(where, ": written on a big-endian machine; only little-endian files are supported");
  }
  const PickleDocument document = pickles.next();
  const PickleDocument keys = pickles.next();

  std::unordered_map<std::string_view, const PickleStorage*> described;
  for (const PickleStorage& storage : document.storages) {
    const PickleStorage* first = described.emplace(storage.key, &storage).first->second;
    if (first->dtype != storage.dtype || first->numel != storage.numel) {
      fail(where, ": storage ", quote(storage.key), " is described in two ways");
    }
  }
  if (keys.root_value().kind != PickleKind::kList) fail(where, ": no list of storages");
  std::unordered_map<std::string_view, std::string_view> contents;
  std::string_view rest = pickles.rest();
  for (const PickleRef ref : keys.root_value().items) {
    const PickleValue& key = keys.value(ref);
    const auto found = described.find(key.text);
    if (key.kind != PickleKind::kString || found == described.end()) {
      fail(where, ": storage ", quote(key.text), " is not used by any tensor; the file is damaged");
    }
    const uint64_t size = storage_size(*found->second);
    int64_t numel = 0;
    if (rest.size() < sizeof(numel) || rest.size() - sizeof(numel) < size) {
      fail(where, ": ", rest.size(), " bytes left for storage ", quote(key.text), " of ", size,
           "; the file is cut short");
    }
    std::memcpy(&numel, rest.data(), sizeof(numel));
    if (numel != found->second->numel) {
      fail(where, ": storage ", quote(key.text), " has ", numel, " elements, expected ",
           found->second->numel);
    }
    if (!contents.emplace(key.text, rest.substr(sizeof(numel), size)).second) {
      fail(where, ": storage ", quote(key.text), " is there twice");
    }
    rest.remove_prefix(sizeof(numel) + size);
  }
  if (!rest.empty()) fail(where, ": ", rest.size(), " bytes after the last storage");
  StorageBytes storages;
  for (const PickleStorage& storage : document.storages) {
    const auto found = contents.find(storage.key);
    if (found == contents.end()) {
      fail(where, ": storage ", quote(storage.key), " is missing; the file is damaged");
    }
    storages.push_back(found->second);
  }
  return make_tensor_file(document, storages, bytes.size(), where);
}

}  // namespace

bool looks_like_pytorch_zip(std::string_view bytes) { return bytes.starts_with("PK\x03\x04"); }

bool looks_like_pytorch_legacy(std::string_view bytes) {
  // PROTO n, perhaps a FRAME, LONG1 of 10 bytes.
  return bytes.starts_with('\x80') &&
         bytes.substr(0, 32).find(kLegacyMagic) != std::string_view::npos;
}

TensorFile parse_pytorch_file(std::string_view bytes, const std::string& where) {
  return looks_like_pytorch_zip(bytes) ? parse_zip(bytes, where) : parse_legacy(bytes, where);
}

TensorFile read_pytorch_file(const std::string& path) {
  MappedFile mapping(path);
  TensorFile file = parse_pytorch_file(mapping.bytes(), path);
  file.keep(std::move(mapping));
  return file;
}

}  // namespace pals

#include "checkpoint/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <stdexcept>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "base/checksum.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text_util.h"

namespace pals {
namespace {

constexpr size_t kMaxRank = 64;
constexpr std::string_view kMetadataKey = "__metadata__";
// How the header of a file with a checksum begins; its digits follow, zeros while it is computed.
constexpr std::string_view kChecksumStart = R"({"__metadata__":{"checksum":")";
constexpr size_t kChecksumDigits = 32;
constexpr std::array kDTypes = {DType::kF32, DType::kF16, DType::kBF16, DType::kF64, DType::kI64,
                                DType::kI32, DType::kI16, DType::kI8,   DType::kU8,  DType::kBool};

struct HeaderEntry {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<int64_t> shape;
  std::vector<int64_t> offsets;
  std::set<std::string> keys;  ///< those seen so far
};

/// Takes the header as a stream of events: memory stays in proportion to the tensors, whatever the
/// text says, and nesting beyond the format's three levels stops at once.
class HeaderReader : public nlohmann::json_sax<Json> {
 public:
  HeaderReader(const std::string& where, std::map<std::string, std::string>& metadata)
      : where_(where), metadata_(metadata) {}

  std::vector<HeaderEntry> take_entries() { return std::move(entries_); }

  bool null() override { unexpected("null"); }
  bool boolean(bool) override { unexpected("a boolean"); }
  bool number_float(double, const std::string& text) override { unexpected(text); }
  bool number_integer(int64_t value) override { unexpected(std::to_string(value)); }
  bool binary(Json::binary_t&) override { unexpected("binary data"); }

  bool number_unsigned(uint64_t value) override {
    if (list_ == nullptr) unexpected(std::to_string(value));
    if (value > static_cast<uint64_t>(INT64_MAX)) unexpected(std::to_string(value));
    if (list_->size() == kMaxRank) fail(context(), ": more than ", kMaxRank, " numbers in a list");
    list_->push_back(static_cast<int64_t>(value));
    return true;
  }

  bool string(std::string& value) override {
    if (state_ == State::kMetadata) {
      if (!metadata_.emplace(key_, value).second)
        fail(context(), ": two values of key ", quote(key_));
    } else if (state_ == State::kTensor && list_ == nullptr && key_ == "dtype") {
      const auto known =
          std::ranges::find_if(kDTypes, [&](DType dtype) { return value == dtype_name(dtype); });
      if (known == kDTypes.end()) {
        fail(context(), ": element type ", quote(value), " is not supported, expected one of ",
             "F32 F16 BF16 F64 I64 I32 I16 I8 U8 BOOL");
      }
      entries_.back().dtype = *known;
    } else {
      unexpected("a string");
    }
    return true;
  }

  bool start_object(std::size_t) override {
    if (state_ == State::kStart) {
      state_ = State::kTop;
    } else if (state_ == State::kTop) {
      state_ = key_ == kMetadataKey ? State::kMetadata : State::kTensor;
      if (state_ == State::kTensor) entries_.emplace_back().name = key_;
    } else {
      unexpected("an object");
    }
    return true;
  }

  bool key(std::string& value) override {
    if (state_ == State::kTop && !names_.insert(value).second) {
      fail(where_, ": two tensors are named ", quote(value));
    }
    if (state_ == State::kTensor) {
      if (value != "dtype" && value != "shape" && value != "data_offsets") {
        fail(context(), ": unknown key ", quote(value));
      }
      if (!entries_.back().keys.insert(value).second) {
        fail(context(), ": two values of key ", value);
      }
    }
    key_ = value;
    return true;
  }

  bool end_object() override {
    if (state_ == State::kTensor) {
      if (entries_.back().keys.size() != 3) {
        fail(context(), ": expected dtype, shape and data_offsets");
      }
      if (entries_.back().offsets.size() != 2) {
        fail(context(), ": ", entries_.back().offsets.size(), " data_offsets, expected 2");
      }
      entries_.back().keys.clear();
    }
    state_ = state_ == State::kTop ? State::kDone : State::kTop;
    return true;
  }

  bool start_array(std::size_t) override {
    if (state_ != State::kTensor || list_ != nullptr || key_ == "dtype") unexpected("a list");
    list_ = key_ == "shape" ? &entries_.back().shape : &entries_.back().offsets;
    return true;
  }

  bool end_array() override {
    list_ = nullptr;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    (void)error;  // its text quotes raw bytes of the file
    fail(where_, ": the header is not valid JSON at byte ", 8 + position,
         "; the file is damaged or not safetensors");
  }

 private:
  enum class State { kStart, kTop, kTensor, kMetadata, kDone };

  std::string context() const {
    switch (state_) {
      case State::kTensor:
        return concat(where_, ": tensor ", quote(entries_.back().name));
      case State::kMetadata:
        return concat(where_, ": ", kMetadataKey);
      default:
        return concat(where_, ": header");
    }
  }

  [[noreturn]] void unexpected(const std::string& found) const {
    fail(context(), ": unexpected ", found, " at key ", quote(key_));
  }

  const std::string& where_;
  std::map<std::string, std::string>& metadata_;
  State state_ = State::kStart;
  std::string key_;
  std::vector<int64_t>* list_ = nullptr;
  std::vector<HeaderEntry> entries_;
  std::unordered_set<std::string> names_;
};

uint64_t header_length(std::string_view bytes) {
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof(length));
  return length;
}

/// Checks that the tensors tile the buffer exactly and adds them in that order.
void add_entries(TensorFile& file, std::vector<HeaderEntry> entries, std::string_view buffer,
                 const std::string& where) {
  std::sort(entries.begin(), entries.end(), [](const HeaderEntry& a, const HeaderEntry& b) {
    return std::tie(a.offsets, a.name) < std::tie(b.offsets, b.name);
  });
  uint64_t position = 0;
  for (HeaderEntry& entry : entries) {
    const auto begin = static_cast<uint64_t>(entry.offsets[0]);
    const auto end = static_cast<uint64_t>(entry.offsets[1]);
    const auto label = [&] { return concat(where, ": tensor ", quote(entry.name)); };
    if (end < begin || end > buffer.size()) {
      fail(label(), ": data_offsets [", begin, ", ", end, "] outside the buffer of ", buffer.size(),
           " bytes; the file is cut short or damaged");
    }
    const int64_t numel = checked_numel(entry.shape, entry.dtype);
    if (numel < 0 || static_cast<uint64_t>(numel) * dtype_size(entry.dtype) != end - begin) {
      fail(label(), ": ", end - begin, " bytes do not hold shape ", shape_text(entry.shape), " of ",
           dtype_name(entry.dtype));
    }
    if (begin != position) {
      fail(label(), ": starts at byte ", begin, " of the buffer, expected ", position,
           begin < position ? " (it overlaps the one before)" : " (a hole lies before it)");
    }
    position = end;
    const auto* data = reinterpret_cast<const std::byte*>(buffer.data()) + begin;
    file.add({std::move(entry.name), entry.dtype, std::move(entry.shape), {data, end - begin}},
             where);
  }
  if (position != buffer.size()) {
    fail(where, ": ", buffer.size() - position, " bytes after the last tensor belong to none");
  }
}

/// The tensors in the order of the buffer. Checks what can be wrong with each.
std::vector<const TensorEntry*> buffer_order(const std::string& path,
                                             std::span<const TensorEntry> tensors) {
  std::vector<const TensorEntry*> order;
  for (const TensorEntry& tensor : tensors) {
    const int64_t numel = checked_numel(tensor.shape, tensor.dtype);
    if (numel < 0 || tensor.bytes.size() != static_cast<size_t>(numel) * dtype_size(tensor.dtype)) {
      fail(path, ": tensor ", quote(tensor.name), ": ", tensor.bytes.size(),
           " bytes do not hold shape ", shape_text(tensor.shape), " of ", dtype_name(tensor.dtype));
    }
    if (tensor.name == kMetadataKey) fail(path, ": a tensor cannot be named ", kMetadataKey);
    order.push_back(&tensor);
  }
  std::sort(order.begin(), order.end(), [](const TensorEntry* a, const TensorEntry* b) {
    const size_t a_size = dtype_size(a->dtype), b_size = dtype_size(b->dtype);
    return a_size != b_size ? a_size > b_size : a->name < b->name;
  });
  return order;
}

/// The length and the header, filled up to a multiple of 8 bytes.
std::string header_text(const std::string& path, const std::vector<const TensorEntry*>& order,
                        const std::map<std::string, std::string>& metadata) {
  std::string text = "{";
  std::set<std::string_view> names;
  uint64_t position = 0;
  try {
    if (!metadata.empty()) {
      text += Json(kMetadataKey).dump() + ":" + Json(metadata).dump() + ",";
    }
    for (const TensorEntry* tensor : order) {
      if (!names.insert(tensor->name).second) {
        fail(path, ": two tensors to write are named ", quote(tensor->name));
      }
      const uint64_t end = position + tensor->bytes.size();
      const Json entry = {{"dtype", dtype_name(tensor->dtype)},
                          {"shape", tensor->shape},
                          {"data_offsets", {position, end}}};
      text += Json(tensor->name).dump() + ":" + entry.dump() + ",";
      position = end;
    }
  } catch (const nlohmann::detail::type_error&) {
    fail(path, ": a tensor name or metadata text is not valid UTF-8");
  }
  if (text.back() == ',') text.pop_back();
  text += "}";
  text.resize((text.size() + 7) / 8 * 8, ' ');
  if (text.size() > kMaxSafetensorsHeader) {
    fail(path, ": the header would take ", text.size(), " bytes, at most ", kMaxSafetensorsHeader,
         " are allowed");
  }
  const uint64_t length = text.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof(length)) + text;
}

}  // namespace

bool looks_like_safetensors(std::string_view bytes) {
  return bytes.size() > 8 && header_length(bytes) <= kMaxSafetensorsHeader && bytes[8] == '{';
}

TensorFile parse_safetensors(std::string_view bytes, const std::string& where) {
  if (bytes.size() < 8) {
    fail(where, ": ", bytes.size(), " bytes, too short for a safetensors file");
  }
  const uint64_t length = header_length(bytes);
  if (length > kMaxSafetensorsHeader) {
    fail(where, ": header of ", length, " bytes, at most ", kMaxSafetensorsHeader,
         " are allowed; not a safetensors file?");
  }
  if (length > bytes.size() - 8) {
    fail(where, ": header of ", length, " bytes in a file of ", bytes.size(),
         "; the file is cut short or not safetensors");
  }
  const std::string_view header = bytes.substr(8, length);
  if (!header.starts_with('{')) fail(where, ": the header does not start with '{'");

  TensorFile file;
  HeaderReader reader(where, file.metadata());
  Json::sax_parse(header.begin(), header.end(), &reader);
  add_entries(file, reader.take_entries(), bytes.substr(8 + length), where);
  return file;
}

TensorFile read_safetensors(const std::string& path) {
  MappedFile mapping(path);
  TensorFile file = parse_safetensors(mapping.bytes(), path);
  file.keep(std::move(mapping));
  return file;
}

void write_safetensors(const std::string& path, std::span<const TensorEntry> tensors,
                       const std::map<std::string, std::string>& metadata) {
  const std::vector<const TensorEntry*> order = buffer_order(path, tensors);

  AtomicFile file(path);
  file.write(header_text(path, order, metadata));
  for (const TensorEntry* tensor : order) file.write(tensor->bytes.data(), tensor->bytes.size());
  file.commit();
}

void write_checked_safetensors(const std::string& path, std::span<const TensorEntry> tensors,
                               const std::map<std::string, std::string>& metadata) {
  std::map<std::string, std::string> all = metadata;
  all["checksum"] = std::string(kChecksumDigits, '0');
  const std::vector<const TensorEntry*> order = buffer_order(path, tensors);
  const std::string header = header_text(path, order, all);
  if (!std::string_view(header).substr(8).starts_with(kChecksumStart)) {
    throw std::logic_error("metadata before the checksum of " + path);
  }
  AtomicFile file(path);
  Checksum128 checksum;
  checksum.update(header);
  file.write(header);
  for (const TensorEntry* tensor : order) {
    std::string_view rest(reinterpret_cast<const char*>(tensor->bytes.data()),
                          tensor->bytes.size());
    // Block by block, so that the writing finds in the cache what was summed.
    while (!rest.empty()) {
      const std::string_view block = rest.substr(0, Checksum128::kBlock);
      checksum.update(block);
      file.write(block);
      rest.remove_prefix(block.size());
    }
  }
  file.write_at(8 + kChecksumStart.size(), checksum.hex());
  file.commit();
}

bool verify_checksum(std::string_view bytes, const std::string& where) {
  const size_t digits_at = 8 + kChecksumStart.size();
  if (bytes.size() < digits_at + kChecksumDigits || !bytes.substr(8).starts_with(kChecksumStart)) {
    return false;
  }
  const TensorFile file = parse_safetensors(bytes, where);
  const size_t header_size = 8 + header_length(bytes);
  std::string header(bytes.substr(0, header_size));
  const std::string stated = header.substr(digits_at, kChecksumDigits);
  header.replace(digits_at, kChecksumDigits, kChecksumDigits, '0');
  Checksum128 checksum;
  checksum.update(header);
  for (const TensorEntry& tensor : file.tensors()) {
    checksum.update({reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size()});
  }
  const std::string found = checksum.hex();
  if (found != stated) {
    fail(where, ": its checksum is ", found, ", but it says ", quote(stated), ": it is damaged");
  }
  return true;
}

}  // namespace pals

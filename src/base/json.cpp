#include "base/json.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/text_util.h"

namespace pals {
namespace {

/// Walks over the text and tells the parser's events how far it has come: nlohmann's SAX interface
/// gives no positions.
class TrackingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  TrackingIterator(const char* at, const char** progress) : at_(at), progress_(progress) {}
  reference operator*() const { return *at_; }
  TrackingIterator& operator++() {
    *progress_ = ++at_;
    return *this;
  }
  TrackingIterator operator++(int) {
    TrackingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const TrackingIterator& other) const { return at_ == other.at_; }
  bool operator!=(const TrackingIterator& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** progress_;
};

// What values take besides their text, as the usual allocators and libraries lay them out.
constexpr size_t kBytesPerElement = 48;  // 16 in a list, which is copied when it grows
constexpr size_t kBytesPerList = 32, kBytesPerObject = 64, kBytesPerKey = 96, kBytesPerString = 48;
// Of the 50 MB beside them, allocators have their part.
constexpr size_t kMemoryPerByte = 4, kMemoryAnyway = size_t{42} << 20;

/// Bytes that a text takes outside of its string.
size_t heap_bytes(const std::string& text) { return text.size() < 16 ? 0 : text.size() + 16; }

/// Builds the value from the parser's events. The parser itself does not recurse; the depth limit
/// protects what walks over the value later (copies, dump).
class Builder : public nlohmann::json_sax<Json> {
 public:
  Builder(std::string_view text, const std::string& where)
      : text_(text), where_(where), left_((kMemoryPerByte - 1) * text.size() + kMemoryAnyway) {}

  const char* position = nullptr;  ///< moved by the TrackingIterator
  Json result;

  bool null() override { return add(nullptr), true; }
  bool boolean(bool value) override { return add(value), true; }
  bool number_integer(number_integer_t value) override { return add(value), true; }
  bool number_unsigned(number_unsigned_t value) override { return add(value), true; }
  bool number_float(number_float_t value, const string_t& /*text*/) override {
    return add(value), true;
  }
  bool string(string_t& value) override {
    take(kBytesPerString + heap_bytes(value));
    return add(std::move(value)), true;
  }
  bool binary(binary_t& /*value*/) override { return false; }  // not in JSON text
  bool start_object(std::size_t /*size*/) override {
    take(kBytesPerObject);
    return open(Json::object()), true;
  }
  bool start_array(std::size_t /*size*/) override {
    take(kBytesPerList);
    return open(Json::array()), true;
  }
  bool end_object() override { return open_.pop_back(), true; }
  bool end_array() override { return open_.pop_back(), true; }

  bool key(string_t& value) override {
    take(kBytesPerKey + heap_bytes(value));
    auto& object = open_.back()->get_ref<Json::object_t&>();
    const auto [entry, inserted] = object.emplace(value, nullptr);
    if (!inserted) fail_here("the key ", quote(value), " appears twice in one object");
    slot_ = &entry->second;
    return true;
  }

  bool parse_error(std::size_t byte, const std::string& last_token,
                   const nlohmann::detail::exception& error) override {
    position = text_.data() + std::min(byte, text_.size());
    if (error.id == 406) fail_here("the number ", quote(last_token), " is out of range");
    // "[json.exception...] parse error at line 1, column 2: syntax error while parsing value - ...;
    // last read: '...'": the tail can be as long as the file.
    std::string reason = error.what();
    if (const size_t start = reason.find(": "); start != std::string::npos) {
      reason.erase(0, start + 2);
    }
    reason.erase(std::min(reason.find("; last read"), reason.size()));
    if (last_token.empty()) fail_here("not valid JSON: ", reason);
    fail_here("not valid JSON: ", reason, "; near ", quote(last_token));
  }

  [[noreturn]] void refuse_zero(size_t offset) {
    position = text_.data() + offset + 1;
    fail_here("not valid JSON: a zero byte");
  }

 private:
  template <typename... Parts>
  [[noreturn]] void fail_here(const Parts&... parts) {
    const std::string_view before(text_.data(), static_cast<size_t>(position - text_.data()));
    const size_t line_feed = before.rfind('\n');
    const size_t line = 1 + static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
    const size_t column =
        line_feed == std::string_view::npos ? before.size() : before.size() - line_feed - 1;
    fail(where_, ":", line, ":", std::max<size_t>(column, 1), ": ", parts...);
  }

  /// Counts memory that a value will take; the text itself has its share already.
  void take(size_t bytes) {
    if (bytes > left_) {
      fail_here("the values up to here would take more than ", kMemoryPerByte, " times the ",
                text_.size(), " bytes of the text and ", kMemoryAnyway >> 20,
                " MiB of memory; expected fewer and larger ones");
    }
    left_ -= bytes;
  }

  Json* add(Json value) {
    if (open_.empty()) {
      result = std::move(value);
      return &result;
    }
    Json& parent = *open_.back();
    if (parent.is_array()) {
      take(kBytesPerElement);
      parent.push_back(std::move(value));
      return &parent.back();
    }
    *slot_ = std::move(value);
    return slot_;
  }

  void open(Json value) {
    if (open_.size() >= kMaxJsonDepth) {
      fail_here("nested more than ", kMaxJsonDepth, " levels deep");
    }
    open_.push_back(add(std::move(value)));
  }

  std::string_view text_;
  const std::string& where_;
  size_t left_;  // bytes that values may still take
  // The values being filled, outermost first. A value does not move while it is open: its parent
  // only grows after it is closed.
  std::vector<Json*> open_;
  Json* slot_ = nullptr;  // where the value of the last key goes
};

template <typename AnyJson>
std::string text_of(const AnyJson& value, int indent) {
  std::string text = value.dump(indent, ' ', false, AnyJson::error_handler_t::replace);
  if (indent >= 0) text += '\n';
  return text;
}

}  // namespace

Json parse_json(std::string_view text, const std::string& where) {
  Builder builder(text, where);
  builder.position = text.data();
  // The parser takes a zero byte for the end.
  if (const size_t zero = text.find('\0'); zero != text.npos) builder.refuse_zero(zero);
  Json::sax_parse(TrackingIterator(text.data(), &builder.position),
                  TrackingIterator(text.data() + text.size(), &builder.position), &builder);
  return std::move(builder.result);
}

Json read_json(const std::string& path, uint64_t max_bytes) {
  return parse_json(read_file(path, max_bytes), path);
}

std::string json_text(const Json& value, int indent) { return text_of(value, indent); }
std::string json_text(const OrderedJson& value, int indent) { return text_of(value, indent); }

}  // namespace pals

// Protocol buffer messages as they are written: small fields as bytes, tensors where they lie.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pals {

/// Takes bytes in their order.
using ByteSink = std::function<void(std::string_view bytes)>;

/// fp32 values that a message has, borrowed from somebody who keeps them.
struct MessageValues {
  std::span<const std::byte> bytes;
  int64_t columns = 0;  ///< not 0: of a matrix [rows, columns] that is written transposed
};

/// A message that grows field by field. Nothing large is copied. The same calls give the same
/// bytes.
class Message {
 public:
  void add_integer(int field, int64_t number);
  void add_float(int field, float number);
  void add_text(int field, std::string_view text);
  void add_message(int field, const Message& message);
  /// A field of bytes. REQUIRES: with `columns`, bytes of whole rows of 4-byte elements.
  void add_values(int field, MessageValues values);

  /// Bytes that write() gives.
  uint64_t size() const { return size_; }
  void write(const ByteSink& sink) const;

 private:
  struct Piece {
    std::string bytes;  // in front of the values
    MessageValues values;
  };

  std::string& bytes();
  void add_tag(int field, int wire_type);
  void add_varint(uint64_t number);
  void append(std::string_view bytes);

  std::vector<Piece> pieces_;
  uint64_t size_ = 0;
};

}  // namespace pals

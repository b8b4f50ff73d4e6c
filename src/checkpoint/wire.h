// Numbers of variable length and protocol buffer fields at checked places of a byte string.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/error.h"

namespace pals {

/// Takes numbers and pieces off the front of a byte string. Each function throws Error, starting
/// with `where`, when the bytes end too early.
class WireReader {
 public:
  WireReader(std::string_view bytes, const std::string& where) : rest_(bytes), where_(where) {}

  bool at_end() const { return rest_.empty(); }
  size_t left() const { return rest_.size(); }

  std::string_view take(uint64_t size) {
    if (size > rest_.size()) {
      fail(where_, ": ", size, " bytes expected where ", rest_.size(),
           " are left; the file is cut short or damaged");
    }
    const std::string_view part = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return part;
  }

  template <typename Integer>
  Integer take_fixed() {
    Integer number;
    std::memcpy(&number, take(sizeof(number)).data(), sizeof(number));
    return number;
  }

  /// Seven bits a byte, lowest first, at most 64 bits.
  uint64_t take_varint() {
    uint64_t number = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      const auto byte = take_fixed<uint8_t>();
      if (shift == 63 && byte > 1) break;
      number |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return number;
    }
    fail(where_, ": a number of more than 64 bits; the file is damaged");
  }

 private:
  std::string_view rest_;
  const std::string& where_;
};

/// One field of a protocol buffer message. Numbers are in `number`, texts and messages in `bytes`.
struct ProtoField {
  uint64_t id = 0;
  enum class Kind { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 } kind = Kind::kVarint;
  uint64_t number = 0;
  std::string_view bytes;
};

/// Takes the next field of a message. Throws Error for groups, which are long out of use.
inline ProtoField take_proto_field(WireReader& reader, const std::string& where) {
  const uint64_t tag = reader.take_varint();
  ProtoField field{tag >> 3, static_cast<ProtoField::Kind>(tag & 7), 0, {}};
  switch (field.kind) {
    case ProtoField::Kind::kVarint:
      field.number = reader.take_varint();
      break;
    case ProtoField::Kind::kFixed64:
      field.number = reader.take_fixed<uint64_t>();
      break;
    case ProtoField::Kind::kBytes:
      field.bytes = reader.take(reader.take_varint());
      break;
    case ProtoField::Kind::kFixed32:
      field.number = reader.take_fixed<uint32_t>();
      break;
    default:
      fail(where, ": a field of wire type ", tag & 7, "; the file is damaged");
  }
  return field;
}

}  // namespace pals

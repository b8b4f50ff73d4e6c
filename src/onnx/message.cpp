#include "onnx/message.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace pals {
namespace {

constexpr int kVarint = 0, kBytes = 2, kFixed32 = 5;  // wire types
constexpr size_t kElement = sizeof(float);
constexpr size_t kBuffer = size_t{1} << 20;

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A lot of output rows at a time, so that the matrix is gone through a few times only.
void write_transposed(const MessageValues& values, const ByteSink& sink) {
  const auto columns = static_cast<size_t>(values.columns);
  const size_t rows = values.bytes.size() / kElement / columns;
  if (rows == 0) return;
  const size_t at_once = std::clamp<size_t>(kBuffer / (rows * kElement), 1, columns);
  std::string buffer(at_once * rows * kElement, '\0');
  for (size_t first = 0; first < columns; first += at_once) {
    const size_t count = std::min(at_once, columns - first);
    for (size_t row = 0; row < rows; ++row) {
      const std::byte* from = values.bytes.data() + (row * columns + first) * kElement;
      for (size_t column = 0; column < count; ++column) {
        std::memcpy(buffer.data() + (column * rows + row) * kElement, from + column * kElement,
                    kElement);
      }
    }
    sink(std::string_view(buffer).substr(0, count * rows * kElement));
  }
}

}  // namespace

std::string& Message::bytes() {
  if (pieces_.empty() || !pieces_.back().values.bytes.empty()) pieces_.emplace_back();
  return pieces_.back().bytes;
}

void Message::append(std::string_view bytes) {
  this->bytes().append(bytes);
  size_ += bytes.size();
}

void Message::add_varint(uint64_t number) {
  std::string text;
  for (; number >= 0x80; number >>= 7) text += static_cast<char>((number & 0x7f) | 0x80);
  text += static_cast<char>(number);
  append(text);
}

void Message::add_tag(int field, int wire_type) {
  add_varint(static_cast<uint64_t>(field) << 3 | static_cast<uint64_t>(wire_type));
}

void Message::add_integer(int field, int64_t number) {
  add_tag(field, kVarint);
  add_varint(static_cast<uint64_t>(number));
}

void Message::add_float(int field, float number) {
  char text[sizeof(number)];
  std::memcpy(text, &number, sizeof(number));
  add_tag(field, kFixed32);
  append({text, sizeof(text)});
}

void Message::add_text(int field, std::string_view text) {
  add_tag(field, kBytes);
  add_varint(text.size());
  append(text);
}

void Message::add_message(int field, const Message& message) {
  add_tag(field, kBytes);
  add_varint(message.size());
  for (const Piece& piece : message.pieces_) {
    bytes().append(piece.bytes);
    pieces_.back().values = piece.values;
  }
  size_ += message.size();
}

void Message::add_values(int field, MessageValues values) {
  add_tag(field, kBytes);
  add_varint(values.bytes.size());
  if (values.bytes.empty()) return;
  size_ += values.bytes.size();
  pieces_.back().values = values;
}

void Message::write(const ByteSink& sink) const {
  for (const Piece& piece : pieces_) {
    if (!piece.bytes.empty()) sink(piece.bytes);
    if (piece.values.bytes.empty()) continue;
    if (piece.values.columns > 0) {
      write_transposed(piece.values, sink);
    } else {
      sink(text_of(piece.values.bytes));
    }
  }
}

}  // namespace pals

#include "base/one_line.h"

#include <array>
#include <cstdio>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"

namespace pals {
namespace {

std::string escaped(char c) {
  if (c == '\n') return "\\n";
  if (c == '\t') return "\\t";
  std::array<char, 5> text{};
  std::snprintf(text.data(), text.size(), "\\x%02x", static_cast<unsigned char>(c));
  return text.data();
}

bool is_printable(const CodePoint& point) {
  if (point.size == 1) return point.value >= 0x20 && point.value < 0x7F;
  return point.value > 0x9F;  // those before are control characters too
}

}  // namespace

std::string one_line(std::string_view message, size_t max_characters) {
  constexpr std::string_view kGap = " ... ";
  std::string shown;
  std::vector<size_t> starts;  // of its characters
  const auto add = [&](std::string_view character) {
    starts.push_back(shown.size());
    shown += character;
  };
  for (const char *at = message.data(), *end = at + message.size(); at < end;) {
    const CodePoint point = decode_utf8(at, end);
    if (is_printable(point)) {
      add({at, point.size});
    } else {
      for (uint32_t i = 0; i < point.size; ++i) {
        for (const char& c : escaped(at[i])) add({&c, 1});
      }
    }
    at += point.size;
  }
  if (starts.size() <= max_characters) return shown;
  // What to do stands at the end, where it was at the beginning.
  const size_t tail = max_characters / 3, head = max_characters - tail - kGap.size();
  return concat(shown.substr(0, starts[head]), kGap, shown.substr(starts[starts.size() - tail]));
}

}  // namespace pals

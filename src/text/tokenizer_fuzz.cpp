// Any bytes: no crash, the same ids as the plain tokenizer, and limits that cut where they should.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "text/plain_tokenizer.h"
#include "text/tokenizer.h"

namespace {

// Short pieces of many scripts, so that most inputs match in part.
pals::Vocabulary vocabulary() {
  std::string text = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n";
  for (char32_t code = 0x21; code < 0x2000; ++code) {
    text.append(pals::to_utf8(code)).append("\n##").append(pals::to_utf8(code)).append("\n");
  }
  for (const char* token : {"the", "##ing", "ab", "abc", "##bc", "##cd", "\u4e2d", "\u65e5"}) {
    text += token + std::string("\n");
  }
  return pals::Vocabulary::from_text(text, "fuzz");
}

void check(const pals::Tokenizer& tokenizer, const pals::PlainTokenizer& plain,
           std::string_view text) {
  std::vector<int32_t> ids;
  tokenizer.encode(text, ids);
  if (ids != plain.encode(text)) std::abort();
  std::vector<int32_t> start;
  tokenizer.encode(text, start, text.size() / 3);
  ids.resize(std::min(ids.size(), text.size() / 3));
  if (ids != start) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const pals::Vocabulary words = vocabulary();
  static const pals::Tokenizer lower(words, true), cased(words, false);
  static const pals::PlainTokenizer plain_lower(words, true), plain_cased(words, false);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(lower, plain_lower, text);
  check(cased, plain_cased, text);
  return 0;
}

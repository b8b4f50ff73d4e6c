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

struct Pair {
  pals::Tokenizer tokenizer;
  pals::PlainTokenizer plain;
};

std::vector<Pair> all_rules(const pals::Vocabulary& words) {
  std::vector<Pair> pairs;
  for (int rules = 0; rules < 8; ++rules) {
    const pals::WordRules chosen{(rules & 1) != 0, (rules & 2) != 0, (rules & 4) != 0};
    pairs.push_back({pals::Tokenizer(words, {.do_lower_case = chosen.lower_case,
                                             .strip_accents = chosen.strip_accents,
                                             .tokenize_chinese_chars = chosen.split_ideographs}),
                     pals::PlainTokenizer(words, chosen)});
  }
  return pairs;
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
  static const std::vector<Pair> pairs = all_rules(words);
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const Pair& pair : pairs) check(pair.tokenizer, pair.plain, text);
  // Added tokens, of which some are in the folded text only: any bytes, and limits.
  static const pals::Tokenizer added(
      words,
      {.special_tokens_in_text = true,
       .added_tokens = {{.text = "[E1]"}, {.text = "a", .single_word = true}, {.text = "é b"}}});
  std::vector<int32_t> ids, start;
  added.encode(text, ids);
  added.encode(text, start, text.size() / 3);
  ids.resize(std::min(ids.size(), text.size() / 3));
  if (ids != start) std::abort();
  return 0;
}

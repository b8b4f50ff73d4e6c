// Any bytes as each of a tokenizer's JSON files: an Error, or settings that are written and read
// back alike and a tokenizer that takes them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "text/tokenizer.h"
#include "text/tokenizer_files.h"

namespace {

void check(const pals::Vocabulary& vocabulary, const pals::StatedSettings& stated,
           const std::string& text) {
  const pals::Tokenizer tokenizer(vocabulary, stated.resolve(true));
  std::vector<int32_t> ids;
  tokenizer.encode(text, ids);
  for (const int32_t id : ids) {
    if (id < 0 || id >= tokenizer.vocabulary().size()) std::abort();
  }
  const pals::Json keys = pals::tokenizer_config_keys(tokenizer.settings());
  if (pals::tokenizer_config_keys(pals::parse_tokenizer_config(keys, "again").resolve(true)) !=
      keys) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const auto words = pals::Vocabulary::from_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n##b\n", "fuzz");
  const auto attempt = [](const auto& action) {
    try {
      action();
    } catch (const pals::Error&) {
    }
  };
  pals::Json json;
  attempt([&] { json = pals::parse_json(bytes, "fuzz"); });
  attempt([&] { check(words, pals::parse_tokenizer_config(json, "fuzz"), bytes); });
  attempt([&] { check(words, pals::parse_added_tokens(json, "fuzz"), bytes); });
  attempt([&] {
    check(pals::parse_vocabulary(json, "fuzz"), pals::parse_tokenizer_json(json, "fuzz"), bytes);
  });
  return 0;
}

// Any bytes as a vocabulary: an Error or a vocabulary whose tokenizer agrees with the plain one.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "text/plain_tokenizer.h"
#include "text/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  for (const char* specials : {"", "[PAD]\n[UNK]\r\n[CLS]\n[SEP]\n"}) {
    try {
      const auto vocabulary = pals::Vocabulary::from_text(specials + bytes, "fuzz");
      if (pals::Vocabulary::from_text(vocabulary.to_text(), "again").size() != vocabulary.size()) {
        std::abort();
      }
      const pals::Tokenizer tokenizer(vocabulary, true);
      std::vector<int32_t> ids;
      tokenizer.encode(bytes, ids);
      if (ids != pals::PlainTokenizer(vocabulary, pals::WordRules()).encode(bytes)) std::abort();
    } catch (const pals::Error&) {
    }
  }
  return 0;
}

// The tokenizer behind <pals/tokenizer.h>.
#pragma once

#include <pals/tokenizer.h>

#include "text/tokenizer.h"

namespace pals::api {

struct Vocabulary::Content {
  pals::Tokenizer tokenizer;
};

/// For users of the library.
inline Tokenizer wrap(const pals::Tokenizer& tokenizer) {
  return Tokenizer(std::make_shared<const Vocabulary::Content>(Vocabulary::Content{tokenizer}));
}

}  // namespace pals::api

#include <pals/types.h>

#include "predict/text_input.h"

namespace pals::api {

TextPair split_line(std::string_view line, LineRule rule) {
  const pals::TextPair texts =
      pals::split_line(line, rule == LineRule::kTab ? pals::LineRule::kTab : pals::LineRule::kBars);
  return {texts.a, texts.b};
}

}  // namespace pals::api

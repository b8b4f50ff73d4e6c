#include <pals/types.h>

#include "predict/text_input.h"
#include "tasks/task_kind.h"

namespace pals::api {

// The kinds have the order of the program's (api_test.cpp).
const char* kind_name(TaskKind kind) { return pals::kind_name(static_cast<pals::TaskKind>(kind)); }

TextPair split_line(std::string_view line, LineRule rule) {
  const pals::TextPair texts =
      pals::split_line(line, rule == LineRule::kTab ? pals::LineRule::kTab : pals::LineRule::kBars);
  return {texts.a, texts.b};
}

}  // namespace pals::api

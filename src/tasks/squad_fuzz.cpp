// Fuzz target: SQuAD files. What is accepted has answers that begin within their contexts.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "tasks/squad.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const bool lenient : {false, true}) {
    try {
      const pals::QuestionSet set =
          pals::parse_squad(text, "fuzz", {.unanswerable = lenient, .needs_answers = !lenient});
      for (const pals::Question& question : set.questions) {
        const std::string& context = set.contexts.at(static_cast<size_t>(question.context));
        for (const pals::Answer& answer : question.answers) {
          if (answer.start < 0 || answer.start >= static_cast<int64_t>(context.size()))
            std::abort();
        }
        if (question.answers.empty() && !lenient) std::abort();
      }
    } catch (const pals::Error&) {
    }
  }
  return 0;
}

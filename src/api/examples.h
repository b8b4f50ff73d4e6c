// Texts as the rooms take them.
#pragma once

#include <pals/types.h>

#include <vector>

#include "tasks/task.h"

namespace pals::api {

inline std::vector<pals::Example> examples_of(const std::vector<TextPair>& texts) {
  std::vector<pals::Example> examples(texts.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    examples[i].text_a = texts[i].a;
    examples[i].text_b = texts[i].b;
  }
  return examples;
}

inline std::vector<pals::Example> examples_of(const std::vector<Example>& questions) {
  std::vector<pals::Example> examples(questions.size());
  for (size_t i = 0; i < questions.size(); ++i) {
    examples[i].text_a = questions[i].text_a;
    examples[i].text_b = questions[i].text_b;
    examples[i].choices = questions[i].choices;
  }
  return examples;
}

}  // namespace pals::api

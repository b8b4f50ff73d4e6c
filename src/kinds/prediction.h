// What a model says of one text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "eval/answers.h"

namespace pals {

/// A word that was tagged.
struct TaggedWord {
  std::string text;
  int64_t start = 0, end = 0;     ///< characters [start, end) of the text, as code points
  int32_t tag = -1;               ///< the likeliest
  double probability = 0.0;       ///< of the tag
  int64_t row = 0, position = 0;  ///< of its first token, among the features' rows
};

/// A run of words that tags mark.
struct TaggedSpan {
  std::string label, text;
  int64_t start = 0, end = 0;  ///< characters [start, end) of the text, as code points
};

/// The head's outputs of one text for one task, as a user reads them.
struct Prediction {
  int32_t label = -1;                 ///< the likeliest class or choice; -1 for other kinds
  std::vector<int32_t> labels;        ///< multi-label: those above their threshold, ascending
  std::vector<double> probabilities;  ///< of all classes, labels or choices; else empty
  std::vector<float> logits;          ///< that the probabilities are made of
  double value = 0.0;                 ///< of a regression, in the units of its data
  PredictedAnswer answer;             ///< of a span
  std::vector<TaggedWord> words;      ///< of a tagging
  std::vector<TaggedSpan> spans;      ///< that the words' tags mark
};

}  // namespace pals

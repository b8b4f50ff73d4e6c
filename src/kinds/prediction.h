// What a model says of one text.
#pragma once

#include <cstdint>
#include <vector>

#include "eval/answers.h"

namespace pals {

/// The head's outputs of one text for one task, as a user reads them.
struct Prediction {
  int32_t label = -1;                 ///< the likeliest class or choice; -1 for other kinds
  std::vector<double> probabilities;  ///< of all classes or choices; empty for other kinds
  std::vector<float> logits;          ///< that the probabilities are made of
  double value = 0.0;                 ///< of a regression, in the units of its data
  PredictedAnswer answer;             ///< of a span
};

}  // namespace pals

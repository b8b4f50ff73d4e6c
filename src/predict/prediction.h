// What a model says of one text.
#pragma once

#include <cstdint>
#include <vector>

namespace pals {

/// The head's outputs of one text for one task, as a user reads them.
struct Prediction {
  int32_t label = -1;                 ///< the likeliest class; -1 for a regression
  std::vector<double> probabilities;  ///< of all classes; empty for a regression
  double value = 0.0;                 ///< of a regression, in the units of its data
};

}  // namespace pals

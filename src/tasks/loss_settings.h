// How the losses of a task's examples count in training.
#pragma once

#include <vector>

namespace pals {

struct LossSettings {
  double weight = 1.0;  ///< of the whole task
  /// Of each class or label, by which the losses of its examples are multiplied; empty: 1.
  std::vector<double> class_weights;
  bool balanced = false;         ///< class_weights are still to be counted from the training data
  double label_smoothing = 0.0;  ///< share of a target that is spread over all classes

  bool operator==(const LossSettings&) const = default;
};

}  // namespace pals

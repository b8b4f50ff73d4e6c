// How the logits of some examples and their targets make losses, laid out on the host.
#pragma once

#include <cstdint>
#include <vector>

namespace pals {

enum class LossFunction {
  kCrossEntropy,       ///< over groups of logits that share one softmax
  kSquaredError,       ///< of each logit
  kBinaryCrossEntropy  ///< of each logit, of which a sigmoid makes a probability
};

/// Logits that share one softmax: `size` of them from the first-th on, `stride` apart.
struct LogitGroup {
  int64_t first, size, stride;
  int64_t chosen;  ///< the member that is right
  double weight;   ///< what the group's loss counts in its example's
};

/// The losses of E examples, of N logits (flat). Each logit is in at most one group.
struct LossLayout {
  LossFunction function = LossFunction::kCrossEntropy;
  int64_t num_logits = 0;
  std::vector<LogitGroup> groups;             ///< example by example
  std::vector<int64_t> example_groups = {0};  ///< [E+1], example e has groups [e] to [e + 1]
  /// [N], of the other functions: what each logit is to be (a value; a probability), and what its
  /// loss counts in its example's. All examples have equally many.
  std::vector<double> values, weights;
  std::vector<int64_t> classes;  ///< [N], with labels: the class whose weight each loss is given
  /// [N] or empty: what is added to the loss of each logit, whatever it is.
  std::vector<double> constants;
  /// Cross-entropies: how likely a teacher finds each member of each group, group by group, and
  /// what the cross-entropy with that counts in the group's loss; the rest is of what is chosen.
  std::vector<double> taught;
  double teacher_weight = 0.0;
  double smoothing = 0.0;  ///< cross-entropies: share of a target spread over its group's members

  /// The groups since the last example are those of the next.
  void end_example() { example_groups.push_back(static_cast<int64_t>(groups.size())); }
};

}  // namespace pals

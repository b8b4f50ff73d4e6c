// What the variables of Google's BERT checkpoints are called in PyTorch's.
#pragma once

#include <string>
#include <string_view>

namespace pals {

/// How a variable is taken over.
struct TensorFlowTarget {
  std::string name;        ///< "bert.encoder.layer.0.output.dense.weight"; empty: left out
  bool transpose = false;  ///< a kernel, stored as [in, out]
};

/// Adam's and LAMB's slots, counters and the heads of pre-training (`cls/predictions`,
/// `cls/seq_relationship`) are left out; slots of other optimizers show by the variable that they
/// stand beside (make_tensorflow_file). Classifiers of Google's fine-tuning programs become
/// `classifier`, that of its SQuAD program `qa_outputs`. Other names are carried over part by part,
/// so that a variable that nothing here knows is named by whoever misses a place for it.
TensorFlowTarget tensorflow_target(std::string_view variable);

}  // namespace pals

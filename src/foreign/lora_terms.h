// The low-rank terms of a foreign adapter, put together from its tensors.
#pragma once

#include <map>
#include <string>

#include "foreign/foreign_adapter.h"

namespace pals {

/// Collects the two matrices of each term, whichever names they came under.
class LoraTerms {
 public:
  /// `target`: of dense_layers(); `part`: lora_A or lora_B. Throws Error for one that is there
  /// twice.
  void add(int layer, std::string_view target, std::string_view part, const TensorEntry& tensor,
           const std::string& where);

  /// Sets kind, size, targets and layers, and appends the tensors. Throws Error unless every layer
  /// has a whole term for each target, and all are of rank `rank`.
  void finish(int64_t rank, const std::string& where, ForeignAdapter& adapter) const;

 private:
  struct Term {
    const TensorEntry* a = nullptr;
    const TensorEntry* b = nullptr;
  };
  std::map<int, std::map<std::string, Term>> terms_;  // by layer and target
};

}  // namespace pals

#include "foreign/lora_terms.h"

#include <algorithm>

#include "base/error.h"
#include "base/text_util.h"

namespace pals {

void LoraTerms::add(int layer, std::string_view target, std::string_view part,
                    const TensorEntry& tensor, const std::string& where) {
  Term& term = terms_[layer][std::string(target)];
  const TensorEntry*& place = part == "lora_A" ? term.a : term.b;
  if (place != nullptr) fail(where, ": ", quote(tensor.name, 160), " is there twice");
  place = &tensor;
}

void LoraTerms::finish(int64_t rank, const std::string& where, ForeignAdapter& adapter) const {
  if (terms_.empty()) fail(where, ": no LoRA terms of BERT's dense layers in this file");
  adapter.kind = "lora";
  adapter.size = rank;
  const auto& first = terms_.begin()->second;
  for (const DenseLayer& dense : dense_layers()) {
    if (first.count(std::string(dense.target)) > 0) adapter.targets.emplace_back(dense.target);
  }
  for (const auto& [layer, terms] : terms_) {
    adapter.layers.push_back(layer);
    for (const DenseLayer& dense : dense_layers()) {
      const auto term = terms.find(std::string(dense.target));
      const bool wanted = first.count(std::string(dense.target)) > 0;
      if ((term != terms.end()) != wanted) {
        fail(where, ": layers have terms of different dense layers: ", dense.name, " has one in ",
             "layer ", wanted ? terms_.begin()->first : layer, " but none in layer ",
             wanted ? layer : terms_.begin()->first, ", which pals does not have");
      }
      if (!wanted) continue;
      const std::string name = concat("layer.", layer, ".", dense.name);
      if (term->second.a == nullptr || term->second.b == nullptr) {
        fail(where, ": ", name, " has half a term: lora_A and lora_B belong together");
      }
      const int64_t inner = matrix_shape(*term->second.a, where).first;
      if (inner != rank || matrix_shape(*term->second.b, where).second != rank) {
        fail(where, ": the term of ", name, " is of rank ", inner, ", the configuration says ",
             rank);
      }
      adapter.tensors.push_back(renamed(*term->second.a, name + ".lora_A.weight"));
      adapter.tensors.push_back(renamed(*term->second.b, name + ".lora_B.weight"));
    }
  }
}

}  // namespace pals

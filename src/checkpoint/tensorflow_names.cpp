#include "checkpoint/tensorflow_names.h"

#include <algorithm>
#include <array>

#include "base/text_util.h"

namespace pals {
namespace {

using namespace std::string_view_literals;

// Last parts of the names of optimizer slots and counters.
constexpr std::array kSlots = {"adam_m"sv,
                               "adam_v"sv,
                               "Adam"sv,
                               "Adam_1"sv,
                               "AdamWeightDecayOptimizer"sv,
                               "AdamWeightDecayOptimizer_1"sv,
                               "lamb_m"sv,
                               "lamb_v"sv,
                               "global_step"sv,
                               "beta1_power"sv,
                               "beta2_power"sv};

constexpr std::array kSkippedHeads = {"cls/predictions/"sv, "cls/seq_relationship/"sv};

bool is_left_out(std::string_view variable) {
  const std::string_view last = variable.substr(variable.rfind('/') + 1);
  if (std::ranges::find(kSlots, last) != kSlots.end()) return true;
  return std::ranges::any_of(kSkippedHeads,
                             [&](std::string_view head) { return variable.starts_with(head); });
}

// "layer_11" -> "layer.11"; other parts as they are.
std::string numbered(std::string_view part) {
  constexpr std::string_view kLayer = "layer_";
  if (!part.starts_with(kLayer)) return std::string(part);
  return "layer." + std::string(part.substr(kLayer.size()));
}

}  // namespace

TensorFlowTarget tensorflow_target(std::string_view variable) {
  if (is_left_out(variable)) return {};
  constexpr std::string_view kSquad = "cls/squad/";
  std::string name;
  if (variable.starts_with("output_")) {
    name = "classifier.";
  } else if (variable.starts_with(kSquad)) {
    name = "qa_outputs.";
    variable.remove_prefix(kSquad.size());
  }
  if (variable == "output_weights") return {name + "weight"};
  if (variable == "output_bias") return {name + "bias"};

  name.clear();
  for (const std::string_view part : split(variable, '/')) {
    if (!name.empty()) name += '.';
    name += numbered(part);
  }
  constexpr std::string_view kKernel = ".kernel";
  const std::string_view view = name;
  if (view.ends_with(kKernel)) {
    name.replace(name.size() - kKernel.size(), kKernel.size(), ".weight");
    return {name, true};
  }
  if (view.ends_with("_embeddings")) name += ".weight";
  return {name};
}

}  // namespace pals

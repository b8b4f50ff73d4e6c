#include "adapters/lora.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

constexpr int64_t kDefaultRank = 8;

struct DenseTarget {
  const char* name;
  const char* layer;  ///< the dense layer's name within an encoder layer
};

constexpr DenseTarget kTargets[] = {
    {"query", "attention.self.query"},      {"key", "attention.self.key"},
    {"value", "attention.self.value"},      {"attention_output", "attention.output.dense"},
    {"intermediate", "intermediate.dense"}, {"output", "output.dense"}};

std::vector<std::string> target_names() {
  std::vector<std::string> names;
  for (const DenseTarget& target : kTargets) names.emplace_back(target.name);
  return names;
}

// In the order of the table, each once.
std::vector<std::string> resolve_targets(const std::vector<std::string>& chosen,
                                         const std::string& where) {
  const std::vector<std::string> names = target_names();
  if (chosen.empty()) return {"query", "value"};
  if (chosen == std::vector<std::string>{"all"}) return names;
  for (const std::string& name : chosen) {
    if (std::ranges::find(names, name) != names.end()) continue;
    fail_usage(where, ": unknown target ", quote(name), did_you_mean_one_of(name, names),
               ", or all alone");
  }
  std::vector<std::string> targets;
  for (const std::string& name : names) {
    if (std::ranges::find(chosen, name) != chosen.end()) targets.push_back(name);
  }
  return targets;
}

}  // namespace

void resolve_lora(const AdapterConfig& chosen, const BertConfig& bert, const std::string& where,
                  AdapterConfig& resolved) {
  if (resolved.size == 0) resolved.size = std::min(kDefaultRank, bert.hidden_size);
  if (resolved.size > std::min(bert.hidden_size, bert.intermediate_size)) {
    fail_usage(where, ": the rank is ", resolved.size, ", expected at most the ",
               std::min(bert.hidden_size, bert.intermediate_size), " features of a dense layer");
  }
  resolved.alpha = chosen.alpha == 0.0 ? 2.0 * static_cast<double>(resolved.size) : chosen.alpha;
  if (!std::isfinite(resolved.alpha) || resolved.alpha <= 0.0 || resolved.alpha > 1e6) {
    fail_usage(where, ": alpha is ", resolved.alpha, ", expected a number above 0 up to 1000000");
  }
  resolved.targets = resolve_targets(chosen.targets, where);
}

void build_lora(const AdapterBuild& build, TaskAdapter& adapter) {
  const double scale = build.config.alpha / static_cast<double>(build.config.size);
  for (const int layer : build.config.layers) {
    for (const DenseTarget& target : kTargets) {
      if (std::ranges::find(build.config.targets, target.name) == build.config.targets.end()) {
        continue;
      }
      const ParameterId weight =
          build.shared.find(concat("encoder.layer.", layer, ".", target.layer, ".weight"));
      const std::vector<int64_t>& shape = build.shared[weight].shape;
      adapter.terms.emplace(
          weight, LowRankTerm(build.table, concat(build.layer_prefix(layer), target.layer, "."),
                              {.in_features = shape[1], .out_features = shape[0]},
                              build.config.size, scale, build.owner));
    }
  }
}

}  // namespace pals

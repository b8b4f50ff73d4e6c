#include "adapters/bottleneck.h"

#include <algorithm>
#include <optional>

#include "adapters/low_rank.h"
#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

constexpr const char* kAttention = "attention";
constexpr const char* kOutput = "output";
constexpr const char* kDense = "dense";
constexpr const char* kNormalised = "normalised";

std::optional<Activation> find_activation(const std::string& name) {
  const std::string usual = name == "swish" ? "silu" : name;
  for (const Activation activation :
       {Activation::kGelu, Activation::kGeluNew, Activation::kRelu, Activation::kSilu}) {
    if (usual == activation_name(activation)) return activation;
  }
  return std::nullopt;
}

bool has(const std::vector<std::string>& names, const char* name) {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

void resolve_bottleneck(const AdapterConfig& chosen, const BertConfig& /*bert*/,
                        const std::string& where, AdapterConfig& resolved) {
  const std::optional<Activation> activation =
      chosen.activation.empty() ? Activation::kRelu : find_activation(chosen.activation);
  if (!activation) {
    fail_usage(where, ": unknown activation ", quote(chosen.activation, 64),
               "; known: gelu, gelu_new, relu, silu");
  }
  resolved.activation = activation_name(*activation);
  for (const std::string& block : chosen.after) {
    if (block == kAttention || block == kOutput) continue;
    fail_usage(where, ": \"after\" has ", quote(block, 64), ", expected attention, output or both");
  }
  for (const char* block : {kAttention, kOutput}) {
    const bool is_usual = chosen.after.empty() && block == std::string_view(kOutput);
    if (is_usual || has(chosen.after, block)) resolved.after.emplace_back(block);
  }
  resolved.reads = chosen.reads.empty() ? kNormalised : chosen.reads;
  if (resolved.reads != kDense && resolved.reads != kNormalised) {
    fail_usage(where, ": \"reads\" is ", quote(resolved.reads, 64),
               ", expected dense or normalised");
  }
}

void build_bottleneck(const AdapterBuild& build, TaskAdapter& adapter) {
  const AdapterConfig& config = build.config;
  const Activation activation = find_activation(config.activation).value_or(Activation::kRelu);
  const auto add = [&](const char* block, DenseTerms& terms) {
    if (!has(config.after, block)) return;
    terms.reads = config.reads == kDense ? TermReads::kDense : TermReads::kNormalised;
    for (const int layer : config.layers) {
      terms.modules[static_cast<size_t>(layer)] = std::make_unique<LowRank>(
          build, concat(build.layer_prefix(layer), "bottleneck.", block, "."), config.size,
          activation);
    }
  };
  add(kAttention, adapter.after_attention);
  add(kOutput, adapter.after_feed_forward);
}

}  // namespace pals

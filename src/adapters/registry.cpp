#include "adapters/registry.h"

#include <algorithm>
#include <numeric>

#include "adapters/bottleneck.h"
#include "adapters/houlsby.h"
#include "adapters/lhuc.h"
#include "adapters/lora.h"
#include "adapters/low_rank.h"
#include "adapters/projected_attention.h"
#include "adapters/top.h"
#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

constexpr std::string_view kLhucSuffix = "_lhuc";

void resolve_layers(const AdapterKind& kind, bool lhuc, const BertConfig& bert,
                    const std::string& where, std::vector<int>& layers) {
  if (!layers.empty() && !kind.by_layer && !lhuc) {
    fail_usage(where, ": ", kind.name, " stands on top of the encoder and has no layers to choose");
  }
  for (const int layer : layers) {
    if (layer < 0 || layer >= bert.num_hidden_layers) {
      fail_usage(where, ": adapter layer ", layer, " does not exist; layers are numbered 0 to ",
                 bert.num_hidden_layers - 1);
    }
  }
  if (!kind.by_layer && !lhuc) return;
  if (layers.empty()) {
    layers.resize(static_cast<size_t>(bert.num_hidden_layers));
    std::iota(layers.begin(), layers.end(), 0);
  }
  std::sort(layers.begin(), layers.end());
  layers.erase(std::unique(layers.begin(), layers.end()), layers.end());
}

}  // namespace

void check_adapter_size(const char* what, int64_t size, int64_t multiple,
                        const std::string& where) {
  if (size < 1 || size > 1 << 15) {
    fail_usage(where, ": ", what, " is ", size, ", expected a number from 1 to ", 1 << 15);
  }
  if (size % multiple == 0) return;
  const int64_t below = size / multiple * multiple;
  fail_usage(where, ": ", what, " ", size, " is not a multiple of its ", multiple,
             " attention heads; nearest sizes: ", below > 0 ? concat(below, " and ") : "",
             below + multiple);
}

const std::vector<AdapterKind>& adapter_kinds() {
  static const std::vector<AdapterKind> kinds = {
      {.name = "none", .description = "fully shared encoder"},
      {.name = "pals",
       .description = "projected attention layers beside each layer",
       .settings = {"size"},
       .default_size = 204,
       .heads = ProjectedAttention::kNumHeads,
       .build = build_pals},
      {.name = "low_rank",
       .description = "low-rank layers beside each layer",
       .settings = {"size"},
       .default_size = 100,
       .build = build_low_rank},
      {.name = "houlsby",
       .description = "bottleneck adapters in both blocks of each layer",
       .settings = {"size"},
       .default_size = 50,
       .build = build_houlsby},
      {.name = "houlsby_pals",
       .description = "bottleneck after attention, projected attention after it",
       .settings = {"size", "bottleneck_size"},
       .default_size = 156,
       .heads = ProjectedAttention::kNumHeads,
       .resolve = resolve_houlsby_pals,
       .build = build_houlsby_pals},
      {.name = "bottleneck",
       .description = "bottleneck adapters behind chosen blocks, as AdapterHub's library has them",
       .settings = {"size", "activation", "after", "reads"},
       .default_size = 48,
       .resolve = resolve_bottleneck,
       .build = build_bottleneck},
      {.name = "lora",
       .description = "low-rank terms within the encoder's dense layers",
       .settings = {"rank", "alpha", "targets"},
       .default_size = 8,
       .resolve = resolve_lora,
       .build = build_lora},
      {.name = "top_attention",
       .description = "six small attention blocks on top",
       .settings = {"size"},
       .default_size = 204,
       .heads = TopAttention::kNumHeads,
       .by_layer = false,
       .build = build_top_attention},
      {.name = "top_bert_layer",
       .description = "a BERT layer of the task's own on top",
       .by_layer = false,
       .build = build_top_bert_layer},
  };
  return kinds;
}

ParsedKind find_adapter_kind(std::string name, const std::string& where) {
  ParsedKind parsed;
  if (name == "lhuc") name = "none_lhuc";
  if (name.size() > kLhucSuffix.size() && name.ends_with(kLhucSuffix)) {
    parsed.lhuc = true;
    name.resize(name.size() - kLhucSuffix.size());
  }
  for (const AdapterKind& kind : adapter_kinds()) {
    if (name == kind.name) parsed.kind = &kind;
  }
  if (parsed.kind == nullptr) {
    fail_usage(where, ": unknown adapter \"", name, "\"",
               did_you_mean_one_of(name, adapter_names()));
  }
  return parsed;
}

std::vector<std::string> adapter_names() {
  std::vector<std::string> names;
  for (const AdapterKind& kind : adapter_kinds()) names.emplace_back(kind.name);
  names.emplace_back("lhuc");
  for (const AdapterKind& kind : adapter_kinds()) {
    if (kind.build != nullptr) names.push_back(kind.name + std::string(kLhucSuffix));
  }
  return names;
}

AdapterConfig resolve_adapter(AdapterConfig config, const BertConfig& bert,
                              const std::string& where) {
  const auto [kind, lhuc] = find_adapter_kind(config.kind, where);
  // What the kind does not have is left out.
  AdapterConfig resolved{
      .kind = config.kind, .layers = std::move(config.layers), .task_pooler = config.task_pooler};
  if (kind->default_size > 0) resolved.size = config.size;
  if (kind->resolve != nullptr) kind->resolve(config, bert, where, resolved);
  if (kind->default_size > 0) {
    if (resolved.size == 0) {
      // The same share of hidden_size as in the paper, rounded to whole heads.
      const int64_t scaled = kind->default_size * bert.hidden_size / 768;
      resolved.size = std::max<int64_t>(1, scaled / kind->heads) * kind->heads;
    }
    check_adapter_size("the adapter size", resolved.size, kind->heads, where);
  }
  resolve_layers(*kind, lhuc, bert, where, resolved.layers);
  return resolved;
}

TaskAdapter build_adapter(ParameterTable& table, ParameterTable& folded,
                          const ParameterTable& shared, int task, const BertConfig& bert,
                          const AdapterConfig& config) {
  const auto [kind, lhuc] = find_adapter_kind(config.kind, "adapter");
  TaskAdapter adapter(bert.num_hidden_layers);
  const AdapterBuild build{.table = table,
                           .folded = folded,
                           .shared = shared,
                           .prefix = "tasks." + std::to_string(task) + ".",
                           .owner = task,
                           .bert = bert,
                           .config = config};
  const bool in_layers = (kind->build != nullptr && kind->by_layer) || lhuc;
  if (in_layers && !config.layers.empty()) adapter.first_layer = config.layers.front();
  if (kind->build != nullptr) kind->build(build, adapter);
  if (lhuc) add_lhuc(build, adapter);
  return adapter;
}

}  // namespace pals

#include "adapters/reference_keys.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "adapters/registry.h"
#include "base/error.h"

namespace pals {
namespace {

// The kinds that the reference has.
constexpr std::array<std::string_view, 7> kOfReference = {
    "none", "pals", "low_rank", "houlsby", "houlsby_pals", "top_attention", "top_bert_layer"};

}  // namespace

const std::vector<std::string>& reference_adapter_keys() {
  static const std::vector<std::string> keys = {
      "hidden_size_aug", "extra_dim", "mult", "pals", "houlsby", "lhuc", "top",
      "bert_lay_top",    "num_tasks"};
  return keys;
}

AdapterConfig adapter_from_reference_keys(const Json& json, const std::string& where) {
  const auto flag = [&](const char* key) {
    const auto it = json.find(key);
    if (it == json.end()) return false;
    if (!it->is_boolean())
      fail(where, ": \"", key, "\" is ", it->dump(), ", expected true or false");
    return it->get<bool>();
  };
  const auto size = [&](const char* key, int64_t otherwise) {
    const auto it = json.find(key);
    if (it == json.end() || it->is_null()) return otherwise;
    if (!it->is_number_integer()) {
      fail(where, ": \"", key, "\" is ", it->dump(), ", expected a whole number");
    }
    return it->get<int64_t>();
  };
  const bool mult = flag("mult"), pals = flag("pals"), houlsby = flag("houlsby");
  const bool top = flag("top"), bert_layer = flag("bert_lay_top"), lhuc = flag("lhuc");
  if (mult + houlsby + top > 1) {
    fail(where, ": only one of \"mult\", \"houlsby\" and \"top\" can be true");
  }
  if (pals && !mult && !houlsby) fail(where, ": \"pals\" needs \"mult\" or \"houlsby\"");
  if (bert_layer && !top) fail(where, ": \"bert_lay_top\" needs \"top\"");

  const int64_t hidden_size_aug = size("hidden_size_aug", 204);
  AdapterConfig config;
  config.size = hidden_size_aug;
  if (mult) {
    config.kind = pals ? "pals" : "low_rank";
    if (!pals) config.size = size("extra_dim", hidden_size_aug);
  } else if (houlsby) {
    config.kind = pals ? "houlsby_pals" : "houlsby";
    if (pals) {
      config.bottleneck_size = size("extra_dim", hidden_size_aug);
    } else {
      config.size = size("extra_dim", hidden_size_aug);
    }
  } else if (top) {
    config.kind = bert_layer ? "top_bert_layer" : "top_attention";
  }
  if (lhuc) config.kind = config.kind == "none" ? "lhuc" : config.kind + "_lhuc";
  return config;
}

Json adapter_to_reference_keys(const AdapterConfig& config, const BertConfig& bert, int num_tasks) {
  const auto [kind, lhuc] = find_adapter_kind(config.kind, "adapter");
  const std::string name = kind->name;
  if (std::ranges::find(kOfReference, name) == kOfReference.end()) {
    fail("the reference has no adapter of the kind ", name);
  }
  if (config.task_pooler) fail("the reference has no pooler for each task");
  if ((lhuc || (kind->by_layer && kind->build != nullptr)) &&
      static_cast<int64_t>(config.layers.size()) != bert.num_hidden_layers) {
    fail("the reference has adapters in every layer, this model in ", config.layers.size(), " of ",
         bert.num_hidden_layers);
  }
  Json keys = {{"num_tasks", num_tasks}};
  if (lhuc) keys["lhuc"] = true;
  if (config.size > 0) keys["hidden_size_aug"] = config.size;
  if (config.bottleneck_size > 0) keys["extra_dim"] = config.bottleneck_size;
  if (name == "pals" || name == "low_rank") keys["mult"] = true;
  if (name == "houlsby" || name == "houlsby_pals") keys["houlsby"] = true;
  if (name == "pals" || name == "houlsby_pals") keys["pals"] = true;
  if (name == "top_attention" || name == "top_bert_layer") keys["top"] = true;
  if (name == "top_bert_layer") keys["bert_lay_top"] = true;
  return keys;
}

}  // namespace pals

#include "adapters/registry.h"

#include <algorithm>
#include <charconv>
#include <numeric>

#include "adapters/houlsby.h"
#include "adapters/lhuc.h"
#include "adapters/low_rank.h"
#include "adapters/projected_attention.h"
#include "adapters/top.h"
#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

constexpr std::string_view kLhucSuffix = "_lhuc";

struct ParsedKind {
  const AdapterKind* kind = nullptr;
  bool lhuc = false;
};

ParsedKind parse_kind(std::string name, const std::string& where) {
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
    fail_usage(where, ": unknown adapter \"", name, "\"", did_you_mean(name, adapter_names()),
               " Known: ", join(adapter_names(), ", "));
  }
  return parsed;
}

void check_size(const char* what, int64_t size, int64_t multiple, const std::string& where) {
  if (size < 1 || size > 1 << 15) {
    fail_usage(where, ": ", what, " is ", size, ", expected a number from 1 to ", 1 << 15);
  }
  if (size % multiple == 0) return;
  const int64_t below = size / multiple * multiple;
  fail_usage(where, ": ", what, " ", size, " is not a multiple of its ", multiple,
             " attention heads; nearest sizes: ", below > 0 ? concat(below, " and ") : "",
             below + multiple);
}

}  // namespace

const std::vector<AdapterKind>& adapter_kinds() {
  static const std::vector<AdapterKind> kinds = {
      {"none", "fully shared encoder", 0, 1, true, nullptr},
      {"pals", "projected attention layers beside each layer", 204, ProjectedAttention::kNumHeads,
       true, build_pals},
      {"low_rank", "low-rank layers beside each layer", 100, 1, true, build_low_rank},
      {"houlsby", "bottleneck adapters in both blocks of each layer", 50, 1, true, build_houlsby},
      {"houlsby_pals", "bottleneck after attention, projected attention after it", 156,
       ProjectedAttention::kNumHeads, true, build_houlsby_pals},
      {"top_attention", "six small attention blocks on top", 204, TopAttention::kNumHeads, false,
       build_top_attention},
      {"top_bert_layer", "a BERT layer of the task's own on top", 0, 1, false,
       build_top_bert_layer},
  };
  return kinds;
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
  const auto [kind, lhuc] = parse_kind(config.kind, where);
  if (kind->default_size == 0) {
    config.size = 0;
  } else {
    if (config.size ==
        0) {  // the same share of hidden_size as in the paper, rounded to whole heads
      const int64_t scaled = kind->default_size * bert.hidden_size / 768;
      config.size = std::max<int64_t>(1, scaled / kind->heads) * kind->heads;
    }
    check_size("the adapter size", config.size, kind->heads, where);
  }
  if (kind->build == build_houlsby_pals) {
    if (config.bottleneck_size == 0) {
      config.bottleneck_size = std::max<int64_t>(1, 50 * bert.hidden_size / 768);
    }
    check_size("the bottleneck size", config.bottleneck_size, 1, where);
  } else {
    config.bottleneck_size = 0;
  }
  const bool limited = !config.layers.empty();
  if (limited && !kind->by_layer && !lhuc) {
    fail_usage(where, ": ", kind->name,
               " stands on top of the encoder and has no layers to choose");
  }
  for (const int layer : config.layers) {
    if (layer < 0 || layer >= bert.num_hidden_layers) {
      fail_usage(where, ": adapter layer ", layer, " does not exist; layers are numbered 0 to ",
                 bert.num_hidden_layers - 1);
    }
  }
  if (!kind->by_layer && !lhuc) return config;
  if (!limited) {
    config.layers.resize(static_cast<size_t>(bert.num_hidden_layers));
    std::iota(config.layers.begin(), config.layers.end(), 0);
  }
  std::sort(config.layers.begin(), config.layers.end());
  config.layers.erase(std::unique(config.layers.begin(), config.layers.end()), config.layers.end());
  return config;
}

TaskAdapter build_adapter(ParameterTable& table, ParameterTable& folded, int task,
                          const BertConfig& bert, const AdapterConfig& config) {
  const auto [kind, lhuc] = parse_kind(config.kind, "adapter");
  TaskAdapter adapter(bert.num_hidden_layers);
  const AdapterBuild build{.table = table,
                           .folded = folded,
                           .prefix = "tasks." + std::to_string(task) + ".",
                           .owner = task,
                           .bert = bert,
                           .size = config.size,
                           .bottleneck_size = config.bottleneck_size,
                           .layers = config.layers};
  if (kind->build != nullptr) kind->build(build, adapter);
  if (lhuc) add_lhuc(build, adapter);
  return adapter;
}

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
  if (lhuc) config.kind = config.kind == "none" ? "lhuc" : config.kind + std::string(kLhucSuffix);
  return config;
}

Json adapter_to_reference_keys(const AdapterConfig& config, const BertConfig& bert, int num_tasks) {
  const auto [kind, lhuc] = parse_kind(config.kind, "adapter");
  if (config.task_pooler) fail("the reference has no pooler for each task");
  if ((lhuc || (kind->by_layer && kind->build != nullptr)) &&
      static_cast<int64_t>(config.layers.size()) != bert.num_hidden_layers) {
    fail("the reference has adapters in every layer, this model in ", config.layers.size(), " of ",
         bert.num_hidden_layers);
  }
  const std::string name = kind->name;
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

Json adapter_to_json(const AdapterConfig& config) {
  return Json{{"adapter", config.kind},
              {"adapter_size", config.size},
              {"bottleneck_size", config.bottleneck_size},
              {"adapter_layers", config.layers},
              {"task_pooler", config.task_pooler}};
}

AdapterConfig adapter_from_json(const Json& json, const std::string& where) {
  AdapterConfig config;
  try {
    config.kind = json.at("adapter").get<std::string>();
    config.size = json.at("adapter_size").get<int64_t>();
    config.bottleneck_size = json.at("bottleneck_size").get<int64_t>();
    config.layers = json.at("adapter_layers").get<std::vector<int>>();
    config.task_pooler = json.at("task_pooler").get<bool>();
  } catch (const Json::exception& error) {
    fail(where, ": \"pals\" object: ", error.what());
  }
  return config;
}

std::vector<int> parse_layers(const std::string& text, const std::string& where) {
  std::vector<int> layers;
  const auto number = [&](std::string_view part) {
    int value = -1;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || end != part.data() + part.size() || value < 0 || value > 1023) {
      fail_usage(where, ": \"", text, "\" is not a list of layers such as 6-11 or 0,2,4");
    }
    return value;
  };
  for (const std::string_view part : split(text, ',')) {
    const size_t dash = part.find('-');
    const int first = number(part.substr(0, dash));
    const int last = dash == std::string_view::npos ? first : number(part.substr(dash + 1));
    if (last < first) {
      fail_usage(where, ": \"", part, "\" runs backwards; write ", last, "-", first);
    }
    for (int layer = first; layer <= last; ++layer) layers.push_back(layer);
  }
  return layers;
}

}  // namespace pals

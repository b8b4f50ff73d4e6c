#include "adapters/adapter_config.h"

#include <algorithm>
#include <charconv>

#include "adapters/registry.h"
#include "base/error.h"
#include "base/text_util.h"

namespace pals {
namespace {

std::vector<std::string> targets_of(const Json& value) {
  return value.is_string() ? parse_targets(value.get<std::string>())
                           : value.get<std::vector<std::string>>();
}

std::vector<int> layers_of(const Json& value, const std::string& where) {
  return value.is_string() ? parse_layers(value.get<std::string>(), where)
                           : value.get<std::vector<int>>();
}

void set_key(AdapterConfig& config, const std::string& key, const Json& value,
             const std::string& where) {
  if (key == "size" || key == "rank") config.size = value.get<int64_t>();
  if (key == "bottleneck_size") config.bottleneck_size = value.get<int64_t>();
  if (key == "alpha") config.alpha = value.get<double>();
  if (key == "targets") config.targets = targets_of(value);
  if (key == "activation") config.activation = value.get<std::string>();
  if (key == "after") config.after = targets_of(value);
  if (key == "reads") config.reads = value.get<std::string>();
  if (key == "layers") config.layers = layers_of(value, where);
  if (key == "task_pooler") config.task_pooler = value.get<bool>();
}

// Whether the value can be that of the key.
bool fits(const std::string& key, const Json& value) {
  const auto all = [&](bool (*is)(const Json&)) {
    return value.is_array() && std::all_of(value.begin(), value.end(), is);
  };
  if (key == "task_pooler") return value.is_boolean();
  if (key == "alpha") return value.is_number() && value > 0;
  if (key == "activation" || key == "reads") return value.is_string();
  if (key == "targets" || key == "after") {
    return value.is_string() || all([](const Json& item) { return item.is_string(); });
  }
  if (key == "layers") {
    return value.is_string() || all([](const Json& item) {
             return item.is_number_integer() && item >= 0 && item < 1024;
           });
  }
  return value.is_number_integer() && value > 0 && value <= 1 << 15;
}

const char* expected(const std::string& key) {
  if (key == "task_pooler") return "true or false";
  if (key == "alpha") return "a number above 0";
  if (key == "targets") return "a list such as [\"query\", \"value\"]";
  if (key == "after") return "a list of attention and output";
  if (key == "activation" || key == "reads") return "a name";
  if (key == "layers") return "a list such as [6, 7] or \"6-11\"";
  return "a whole number from 1 to 32768";
}

}  // namespace

Json adapter_to_json(const AdapterConfig& config) {
  Json json = {{"kind", config.kind}};
  for (const char* setting : find_adapter_kind(config.kind, "adapter").kind->settings) {
    const std::string_view key = setting;
    if (key == "size" || key == "rank") json[setting] = config.size;
    if (key == "bottleneck_size") json[setting] = config.bottleneck_size;
    if (key == "alpha") json[setting] = config.alpha;
    if (key == "targets") json[setting] = config.targets;
    if (key == "activation") json[setting] = config.activation;
    if (key == "after") json[setting] = config.after;
    if (key == "reads") json[setting] = config.reads;
  }
  json["layers"] = config.layers;
  json["task_pooler"] = config.task_pooler;
  return json;
}

AdapterConfig adapter_from_json(const Json& json, const std::string& where) {
  constexpr const char* kSuch = "such as {\"kind\": \"lora\", \"rank\": 8}";
  if (!json.is_object()) fail(where, ": \"adapter\" is not an object ", kSuch);
  if (!json.contains("kind")) fail(where, ": \"adapter\" has no \"kind\"; give one, ", kSuch);
  if (!json["kind"].is_string()) {
    fail(where, ": the \"kind\" of \"adapter\" is ", json["kind"].type_name(), ", want a name, ",
         kSuch);
  }
  AdapterConfig config;
  config.kind = json["kind"].get<std::string>();
  std::vector<std::string> keys = {"kind", "layers", "task_pooler"};
  for (const char* setting : find_adapter_kind(config.kind, where).kind->settings) {
    keys.emplace_back(setting);
  }
  for (const auto& [key, value] : json.items()) {
    if (std::ranges::find(keys, key) == keys.end()) {
      fail(where, ": unknown key ", quote(key, 64), " of an adapter of the kind ", config.kind,
           did_you_mean_one_of(key, keys));
    }
    if (key == "kind") continue;
    if (!fits(key, value)) {
      fail(where, ": ", quote(key), " of the adapter is ", quote(json_text(value, -1)),
           ", expected ", expected(key));
    }
    set_key(config, key, value, where);
  }
  return config;
}

Json adapter_to_flat_json(const AdapterConfig& config) {
  return Json{{"adapter", config.kind},
              {"adapter_size", config.size},
              {"bottleneck_size", config.bottleneck_size},
              {"alpha", config.alpha},
              {"targets", config.targets},
              {"activation", config.activation},
              {"after", config.after},
              {"reads", config.reads},
              {"adapter_layers", config.layers},
              {"task_pooler", config.task_pooler}};
}

AdapterConfig adapter_from_flat_json(const Json& json, const std::string& where) {
  AdapterConfig config;
  try {
    config.kind = json.at("adapter").get<std::string>();
    config.size = json.at("adapter_size").get<int64_t>();
    config.bottleneck_size = json.at("bottleneck_size").get<int64_t>();
    config.alpha = json.value("alpha", 0.0);  // what came later may be missing
    config.targets = json.value("targets", std::vector<std::string>());
    config.activation = json.value("activation", "");
    config.after = json.value("after", std::vector<std::string>());
    config.reads = json.value("reads", "");
    config.layers = json.at("adapter_layers").get<std::vector<int>>();
    config.task_pooler = json.at("task_pooler").get<bool>();
  } catch (const Json::exception& error) {
    fail(where, ": \"pals\" object: ", error.what());
  }
  return config;
}

std::string adapter_kinds_text(const std::vector<AdapterConfig>& adapters) {
  std::vector<std::string> kinds;
  for (const AdapterConfig& adapter : adapters) {
    if (std::ranges::find(kinds, adapter.kind) == kinds.end()) kinds.push_back(adapter.kind);
  }
  return kinds.empty() ? "none" : join(kinds, ", ");
}

std::vector<std::string> parse_targets(const std::string& text) {
  std::vector<std::string> targets;
  for (const std::string_view name : split(text, ',')) targets.emplace_back(trim(name));
  return targets;
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

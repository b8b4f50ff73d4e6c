#include "foreign/hub.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/text_util.h"
#include "checkpoint/pytorch_file.h"
#include "foreign/hub_head.h"
#include "foreign/lora_terms.h"

namespace pals {
namespace {

constexpr const char* kHubConfig = "/adapter_config.json";
constexpr const char* kHubWeights = "/pytorch_adapter.bin";

// A setting that pals has in one value alone.
struct Fixed {
  const char* key;
  Json value;  ///< null: nothing (is_nothing)
  const char* name;
};

void check_fixed(const Json& config, const std::vector<Fixed>& settings, const std::string& where) {
  for (const auto& [key, value, name] : settings) {
    const auto found = config.find(key);
    if (found == config.end()) continue;
    if (value.is_null() ? is_nothing(*found) : *found == value) continue;
    fail(where, ": ", quote(key), " is ", quote(json_text(*found, -1)), ": pals does not have ",
         name);
  }
}

void note_dropout(const Json& config, ForeignAdapter& adapter) {
  if (is_nothing(config.value("dropout", Json()))) return;
  adapter.notes.emplace_back("dropout within the adapter is of training alone and not taken over");
}

// "attention.output.adapters.NAME.adapter_up.weight" without the name; older versions called the
// modules otherwise.
std::string without_name(std::string_view rest, const std::string& name, std::string_view module) {
  std::string plain(rest);
  for (const std::string_view old : {"attention_text_task_adapters", "attention_text_lang_adapters",
                                     "layer_text_task_adapters", "layer_text_lang_adapters"}) {
    const size_t place = plain.find(old);
    if (place != std::string::npos) plain.replace(place, old.size(), "adapters");
  }
  const std::string part = concat(".", module, ".", name, ".");
  const size_t place = plain.find(part);
  return place == std::string::npos ? std::string() : plain.replace(place, part.size(), ".");
}

Json left_out_layers(const ForeignAdapter& adapter, int64_t num_layers) {
  Json left_out = Json::array();
  for (int layer = 0; layer < num_layers; ++layer) {
    if (std::ranges::find(adapter.layers, layer) == adapter.layers.end()) left_out.push_back(layer);
  }
  return left_out;
}

// ---- LoRA ----

void check_lora(const Json& config, const std::string& where) {
  check_fixed(config,
              {{"composition_mode", "add", "terms that scale, (IA)^3"},
               {"use_dora", {}, "DoRA"},
               {"use_gating", {}, "gates"},
               {"vera_d", {}, "VeRA"},
               {"vera_b", {}, "VeRA"}},
              where);
}

// Versions before 1.1.0 did not scale at all.
double alpha_of(const Json& config, const std::string& version, int64_t rank,
                const std::string& where) {
  constexpr std::string_view kOwn = "adapters.";
  if (version.starts_with(kOwn) &&
      (version.starts_with("adapters.0.") || version.starts_with("adapters.1.0."))) {
    return static_cast<double>(rank);
  }
  return number_at(config, "alpha", 8.0, where);
}

std::vector<std::string> read_lora(const Json& config, const TensorFile& weights,
                                   const std::string& version, const std::string& where,
                                   ForeignAdapter& adapter) {
  check_lora(config, where);
  LoraTerms terms;
  std::vector<std::string> unknown;
  for (const TensorEntry& tensor : weights.tensors()) {
    const std::optional<LayerName> place = layer_name(tensor.name);
    const std::string rest = place ? without_name(place->rest, adapter.name, "loras") : "";
    bool known = false;
    for (const DenseLayer& dense : dense_layers()) {
      for (const std::string_view part : {"lora_A", "lora_B"}) {
        if (known || rest != concat(dense.name, ".", part)) continue;
        terms.add(place->layer, dense.target, part, tensor, where);
        known = true;
      }
    }
    if (!known) unknown.push_back(tensor.name);
  }
  if (unknown.empty()) {
    const int64_t rank = count_at(config, "r", 8, where);
    terms.finish(rank, where, adapter);
    adapter.alpha = alpha_of(config, version, rank, where);
  }
  return unknown;
}

Json lora_config(const ForeignAdapter& adapter, int64_t num_layers) {
  Json matrices = Json::array();
  bool intermediate = false, output = false;
  for (const std::string& target : adapter.targets) {
    if (target == "attention_output") {
      fail("the package adapters has no LoRA term of attention.output.dense, which this task has");
    }
    intermediate = intermediate || target == "intermediate";
    output = output || target == "output";
    if (target == "query" || target == "key" || target == "value") {
      matrices.push_back(target.substr(0, 1));
    }
  }
  const bool whole = adapter.alpha == std::floor(adapter.alpha);
  Json config = {{"architecture", "lora"},
                 {"selfattn_lora", !matrices.empty()},
                 {"intermediate_lora", intermediate},
                 {"output_lora", output},
                 {"r", adapter.size},
                 {"dropout", 0.0},
                 {"attn_matrices", matrices},
                 {"composition_mode", "add"},
                 {"init_weights", "lora"},
                 {"init_weights_seed", nullptr},
                 {"use_gating", false},
                 {"use_dora", false},
                 {"vera_d", nullptr},
                 {"vera_b", nullptr},
                 {"dtype", nullptr}};
  config["alpha"] = whole ? Json(static_cast<int64_t>(adapter.alpha)) : Json(adapter.alpha);
  config["leave_out"] = left_out_layers(adapter, num_layers);
  return config;
}

// ---- Bottlenecks ----

// Before versions were written, "gelu" was what is called gelu_new today.
std::string activation_of(const Json& config, bool versioned, const std::string& where) {
  std::string name = ascii_lower(text_at(config, "non_linearity", "relu", where));
  if (!versioned && name == "gelu") return "gelu_new";
  if (!versioned && name == "gelu_orig") return "gelu";
  if (name == "swish") name = "silu";
  if (name == "gelu" || name == "gelu_new" || name == "relu" || name == "silu") return name;
  fail(where, ": \"non_linearity\" is ", quote(name),
       ": pals does not have it; it has gelu, gelu_new, relu and swish");
}

void check_bottleneck(const Json& config, const std::string& where) {
  check_fixed(config,
              {{"ln_before", {}, "LayerNorms within adapters"},
               {"ln_after", {}, "LayerNorms within adapters"},
               {"is_parallel", {}, "parallel adapters"},
               {"use_gating", {}, "gates"},
               {"phm_layer", {}, "Compacter's layers"},
               {"inv_adapter", {}, "invertible adapters"},
               {"original_ln_after", true, "adapters without BERT's LayerNorm behind them"},
               {"residual_before_ln", true, "this place of the residual"},
               {"adapter_residual_before_ln", {}, "this place of the residual"},
               {"stochastic_depth", {}, "stochastic depth"}},
              where);
  const auto scaling = config.find("scaling");
  if (scaling != config.end() && !scaling->is_number()) {
    fail(where, ": \"scaling\" is ", quote(json_text(*scaling, -1)),
         ": pals does not have a scaling that is learned");
  }
}

struct Module {
  const char* block;  ///< ours
  std::string_view place;
};
constexpr Module kModules[] = {{"attention", "attention.output."}, {"output", "output."}};

struct Part {
  std::string_view theirs;
  const char* ours;
};
constexpr Part kParts[] = {{"adapter_down.0.weight", "down.weight"},
                           {"adapter_down.0.bias", "down.bias"},
                           {"adapter_up.weight", "up.weight"},
                           {"adapter_up.bias", "up.bias"}};

TensorEntry scaled(const TensorEntry& tensor, double factor, TensorFile& file) {
  const auto numel = static_cast<size_t>(tensor.numel());
  std::vector<float> values(numel);
  copy_as_float(tensor, values.data(), numel);
  for (float& value : values) value = static_cast<float>(value * factor);
  const std::span<std::byte> memory = file.allocate(numel * sizeof(float));
  std::memcpy(memory.data(), values.data(), memory.size());
  return make_tensor_entry(tensor.name, DType::kF32, tensor.shape, memory.data());
}

// Our names of the tensors; those of unknown name in `unknown`.
std::map<std::string, const TensorEntry*> bottleneck_tensors(const TensorFile& weights,
                                                             const ForeignAdapter& adapter,
                                                             std::vector<std::string>& unknown) {
  std::map<std::string, const TensorEntry*> tensors;
  for (const TensorEntry& tensor : weights.tensors()) {
    const std::optional<LayerName> place = layer_name(tensor.name);
    const std::string rest = place ? without_name(place->rest, adapter.name, "adapters") : "";
    bool known = false;
    for (const Module& module : kModules) {
      for (const Part& part : kParts) {
        if (known || rest != concat(module.place, part.theirs)) continue;
        const std::string name =
            concat("layer.", place->layer, ".bottleneck.", module.block, ".", part.ours);
        known = tensors.emplace(name, &tensor).second;
      }
    }
    if (!known) unknown.push_back(tensor.name);
  }
  return tensors;
}

std::vector<std::string> read_bottleneck(const Json& config, TensorFile& weights, bool versioned,
                                         const std::string& where, ForeignAdapter& adapter) {
  check_bottleneck(config, where);
  adapter.kind = "bottleneck";
  adapter.activation = activation_of(config, versioned, where);
  adapter.reads = flag_at(config, "original_ln_before", false, where) ? "normalised" : "dense";
  if (flag_at(config, "mh_adapter", false, where)) adapter.after.emplace_back("attention");
  if (flag_at(config, "output_adapter", false, where)) adapter.after.emplace_back("output");
  if (adapter.after.empty()) fail(where, ": neither \"mh_adapter\" nor \"output_adapter\" is true");
  std::vector<std::string> unknown;
  const auto tensors = bottleneck_tensors(weights, adapter, unknown);
  if (!unknown.empty()) return unknown;
  std::set<int> layers;
  std::set<int64_t> sizes;
  for (const auto& [name, tensor] : tensors) {
    layers.insert(static_cast<int>(*parse_int(split(name, '.')[1])));
    if (name.ends_with("down.weight")) sizes.insert(matrix_shape(*tensor, where).first);
  }
  adapter.layers.assign(layers.begin(), layers.end());
  if (layers.empty()) fail(where, ": no tensors of the adapter ", quote(adapter.name));
  if (sizes.size() != 1) {
    fail(where, ": the bottlenecks have different sizes: pals has one size in all layers");
  }
  adapter.size = *sizes.begin();
  const double scaling = number_at(config, "scaling", 1.0, where);
  for (const int layer : adapter.layers) {
    for (const std::string& block : adapter.after) {
      for (const Part& part : kParts) {
        const std::string name = concat("layer.", layer, ".bottleneck.", block, ".", part.ours);
        const auto found = tensors.find(name);
        if (found == tensors.end()) fail(where, ": no tensor for ", name);
        const bool scales = scaling != 1.0 && part.theirs.starts_with("adapter_up");
        adapter.tensors.push_back(
            renamed(scales ? scaled(*found->second, scaling, weights) : *found->second, name));
      }
    }
  }
  if (adapter.tensors.size() != tensors.size()) {
    fail(where, ": it holds tensors of blocks that its configuration leaves out");
  }
  return {};
}

// The package divides: hidden_size // factor is the size.
Json reduction_factor(int64_t hidden_size, int64_t size) {
  if (hidden_size % size == 0) return hidden_size / size;
  return static_cast<double>(hidden_size) / (static_cast<double>(size) + 0.5);
}

Json bottleneck_config(const ForeignAdapter& adapter, int64_t num_layers) {
  const auto has = [&](const char* block) {
    return std::ranges::find(adapter.after, block) != adapter.after.end();
  };
  Json config = {{"mh_adapter", has("attention")},
                 {"output_adapter", has("output")},
                 {"non_linearity", adapter.activation == "silu" ? "swish" : adapter.activation},
                 {"original_ln_before", adapter.reads == "normalised"},
                 {"original_ln_after", true},
                 {"ln_before", false},
                 {"ln_after", false},
                 {"init_weights", "bert"},
                 {"is_parallel", false},
                 {"scaling", 1.0},
                 {"use_gating", false},
                 {"residual_before_ln", true},
                 {"adapter_residual_before_ln", false},
                 {"inv_adapter", nullptr},
                 {"inv_adapter_reduction_factor", nullptr},
                 {"cross_adapter", false},
                 {"dropout", 0.0},
                 {"phm_layer", false},
                 {"stochastic_depth", 0.0}};
  config["reduction_factor"] = reduction_factor(*adapter.hidden_size, adapter.size);
  config["leave_out"] = left_out_layers(adapter, num_layers);
  return config;
}

// encoder.layer.0.output.adapters.NAME.adapter_up.weight of layer.0.bottleneck.output.up.weight.
std::string their_name(const ForeignAdapter& adapter, const std::string& ours) {
  const size_t dot = ours.find('.', 6);  // behind "layer.N"
  const std::string layer = ours.substr(0, dot), rest = ours.substr(dot + 1);
  const std::string above = concat("bert.encoder.", layer, ".");
  for (const Module& module : kModules) {
    for (const Part& part : kParts) {
      if (rest != concat("bottleneck.", module.block, ".", part.ours)) continue;
      return concat(above, module.place, "adapters.", adapter.name, ".", part.theirs);
    }
  }
  const size_t term = rest.find(".lora_");
  return concat(above, rest.substr(0, term), ".loras.", adapter.name, rest.substr(term, 7));
}

}  // namespace

ForeignAdapter parse_hub_adapter(const Json& json, TensorFile& weights, const std::string& where) {
  if (!json.is_object()) fail(where, ": expected a JSON object");
  const std::string type = text_at(json, "model_type", "bert", where);
  if (type != "bert")
    fail(where, ": it is an adapter of a ", quote(type), ", expected one of bert");
  ForeignAdapter adapter;
  adapter.name = text_at(json, "name", "", where);
  if (adapter.name.empty()) fail(where, ": no \"name\" of the adapter");
  adapter.base = text_at(json, "model_name", "", where);
  if (json.contains("hidden_size")) adapter.hidden_size = count_at(json, "hidden_size", 0, where);
  const Json& config = object_at(json, "config", where);
  const std::string architecture = text_at(config, "architecture", "", where);
  const std::string version = text_at(json, "version", "", where);
  std::vector<std::string> unknown;
  if (architecture == "lora") {
    unknown = read_lora(config, weights, version, where, adapter);
  } else if (architecture.empty()) {
    unknown = read_bottleneck(config, weights, json.contains("version"), where, adapter);
  } else {
    fail(where, ": \"architecture\" is ", quote(architecture),
         ", which pals does not have; it reads bottleneck adapters and lora");
  }
  if (!unknown.empty()) {
    fail(where, ": tensors for which pals has no place: ", few_names(unknown));
  }
  note_dropout(config, adapter);
  return adapter;
}

void write_hub_adapter(const std::string& path, const ForeignAdapter& adapter, int64_t num_layers) {
  Json json = hub_description(adapter);
  json["config"] = adapter.kind == "lora" ? lora_config(adapter, num_layers)
                                          : bottleneck_config(adapter, num_layers);
  std::vector<TensorEntry> tensors;
  for (const TensorEntry& tensor : adapter.tensors) {
    if (!tensor.name.starts_with("layer.")) continue;
    tensors.push_back(renamed(tensor, their_name(adapter, tensor.name)));
  }
  make_directories(path);
  write_pytorch_file(path + kHubWeights, tensors);
  write_file_atomically(path + kHubConfig, json_text(json));
}

}  // namespace pals

#include "foreign/peft.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/file.h"
#include "base/text_util.h"
#include "checkpoint/safetensors.h"
#include "foreign/head_names.h"
#include "foreign/lora_terms.h"

namespace pals {
namespace {

constexpr std::string_view kModel = "base_model.model.";
constexpr const char* kPeftConfig = "/adapter_config.json";
constexpr const char* kPeftWeights = "/adapter_model.safetensors";

// Keys that change nothing in what a trained adapter computes, or are read below. A key that is not
// here must say nothing (null, false, empty): else it is of a method that pals does not know.
constexpr std::string_view kKnown[] = {"alpha_pattern",
                                       "auto_mapping",
                                       "base_model_name_or_path",
                                       "bias",
                                       "direction",
                                       "eva_config",
                                       "exclude_modules",
                                       "inference_mode",
                                       "init_lora_weights",
                                       "layers_pattern",
                                       "layers_to_transform",
                                       "lora_alpha",
                                       "lora_dropout",
                                       "megatron_core",
                                       "modules_to_save",
                                       "peft_type",
                                       "peft_version",
                                       "qalora_group_size",
                                       "r",
                                       "rank_pattern",
                                       "revision",
                                       "runtime_config",
                                       "target_modules",
                                       "task_type",
                                       "ensure_weight_tying"};

// The names of what a flag turns on.
struct Method {
  const char* key;
  const char* name;
};
constexpr Method kOthers[] = {{"use_dora", "DoRA"},
                              {"use_rslora", "rsLoRA"},
                              {"use_qalora", "QALoRA"},
                              {"use_bdlora", "BD-LoRA"},
                              {"lora_bias", "biases of LoRA's terms"},
                              {"fan_in_fan_out", "weights stored the other way round"},
                              {"rank_pattern", "ranks of single layers"},
                              {"alpha_pattern", "alphas of single layers"},
                              {"layer_replication", "repeated layers"},
                              {"trainable_token_indices", "trained tokens"},
                              {"target_parameters", "terms of single parameters"},
                              {"loftq_config", "LoftQ, which changes the base's weights"}};

void check_method(const Json& config, const std::string& where) {
  const std::string type = text_at(config, "peft_type", "", where);
  if (type != "LORA") {
    fail(where, ": peft_type is ", quote(type), ", which pals does not have; it reads LORA");
  }
  for (const auto& [key, name] : kOthers) {
    const auto value = config.find(key);
    if (value == config.end() || is_nothing(*value)) continue;
    fail(where, ": ", quote(key), " is ", quote(json_text(*value, -1)), ": pals does not have ",
         name);
  }
  const std::string bias = text_at(config, "bias", "none", where);
  if (bias != "none") {
    fail(where, ": \"bias\" is ", quote(bias), ": pals does not have trained biases of the base");
  }
  const auto start = config.find("init_lora_weights");
  if (start != config.end() && start->is_string() && *start != "gaussian" && *start != "eva" &&
      *start != "orthogonal") {
    fail(
        where, ": \"init_lora_weights\" is ", quote(start->get<std::string>()),
        ": the adapter belongs to weights that this start has changed; save it for the base's own ",
        "(path_initial_model_for_weight_conversion)");
  }
  for (const auto& [key, value] : config.items()) {
    const bool known = std::ranges::find(kKnown, std::string_view(key)) != std::end(kKnown);
    // Settings of methods that are off.
    if (known || is_nothing(value) || value.is_number() || key == "scale") continue;
    fail(where, ": ", quote(key), " is ", quote(json_text(value, -1)),
         ": pals does not know this setting");
  }
}

// What a name in the file is of, below the model.
struct PeftName {
  std::string name;        ///< without what peft puts into names
  bool untouched = false;  ///< a module's own copy from before training
};

PeftName plain_name(std::string_view name) {
  if (name.starts_with(kModel)) name.remove_prefix(kModel.size());
  PeftName plain{std::string(name)};
  for (const std::string_view part :
       {".modules_to_save.default.", ".modules_to_save.", ".original_module.", ".default."}) {
    const size_t place = plain.name.find(part);
    if (place == std::string::npos) continue;
    plain.untouched = part == ".original_module.";
    plain.name = concat(plain.name.substr(0, place), ".", plain.name.substr(place + part.size()));
    break;
  }
  return plain;
}

bool add_term(const PeftName& name, const TensorEntry& tensor, const std::string& where,
              LoraTerms& terms) {
  const std::optional<LayerName> place = layer_name(name.name);
  if (!place) return false;
  for (const DenseLayer& dense : dense_layers()) {
    for (const std::string_view part : {"lora_A", "lora_B"}) {
      if (place->rest != concat(dense.name, ".", part, ".weight")) continue;
      terms.add(place->layer, dense.target, part, tensor, where);
      return true;
    }
  }
  return false;
}

// classifier.weight, ..., as our task's folder has it; empty: none of the head's.
std::string head_name(std::string_view name) {
  if (name.starts_with("bert.")) name.remove_prefix(5);
  for (const std::string_view known :
       {"classifier.weight", "classifier.bias", "qa_outputs.weight", "qa_outputs.bias",
        "pooler.dense.weight", "pooler.dense.bias"}) {
    if (name == known) return std::string(known);
  }
  return {};
}

TaskKind kind_of_type(const std::string& type, int64_t num_outputs, const std::string& where) {
  const HeadNames* found = find_head(&HeadNames::peft, type);
  if (found == nullptr) {
    fail(where, ": task_type is ", quote(type), ", expected ", list_heads(&HeadNames::peft, "or"),
         ": what a model with this head is for");
  }
  return kind_with_head(found->head, num_outputs);
}

void read_head(const Json& config, const std::string& where, ForeignAdapter& adapter) {
  const auto head = std::ranges::find_if(adapter.tensors, [](const TensorEntry& tensor) {
    return tensor.name == "classifier.weight" || tensor.name == "qa_outputs.weight";
  });
  if (head == adapter.tensors.end()) {
    fail(where, ": no classifier among the tensors; train with it in modules_to_save");
  }
  adapter.num_outputs = matrix_shape(*head, where).first;
  adapter.hidden_size = matrix_shape(*head, where).second;
  adapter.task_kind =
      kind_of_type(text_at(config, "task_type", "", where), adapter.num_outputs, where);
}

const char* task_type(TaskKind kind) {
  if (const char* type = head_names(kind).peft) return type;
  fail("peft's classes have no head for a task of the kind ", kind_name(kind));
}

// Modules are found by the ends of their names, "output.dense" in the attention, too.
Json target_modules(const ForeignAdapter& adapter) {
  Json modules = Json::array();
  const auto has = [&](std::string_view target) {
    return std::ranges::find(adapter.targets, target) != adapter.targets.end();
  };
  const bool ambiguous = has("output") && !has("attention_output");
  for (const DenseLayer& dense : dense_layers()) {
    if (!has(dense.target)) continue;
    if (!ambiguous) {
      const bool by_last = dense.name.starts_with("attention.self.");
      modules.push_back(by_last ? dense.target : dense.name);
      continue;
    }
    for (const int layer : adapter.layers) {
      modules.push_back(concat("bert.encoder.layer.", layer, ".", dense.name));
    }
  }
  return modules;
}

Json peft_config(const ForeignAdapter& adapter) {
  Json modules = {kind_of(adapter.task_kind).head().name};
  if (adapter.task_pooler) modules.push_back("pooler");
  const bool whole = adapter.alpha == std::floor(adapter.alpha);
  Json config = {{"peft_type", "LORA"},
                 {"task_type", task_type(adapter.task_kind)},
                 {"base_model_name_or_path", adapter.base},
                 {"r", adapter.size},
                 {"lora_dropout", 0.0},
                 {"bias", "none"},
                 {"fan_in_fan_out", false},
                 {"inference_mode", true},
                 {"init_lora_weights", true},
                 {"use_dora", false},
                 {"use_rslora", false},
                 {"modules_to_save", modules},
                 {"target_modules", target_modules(adapter)},
                 {"layers_to_transform", adapter.layers},
                 {"layers_pattern", "layer"}};
  config["lora_alpha"] = whole ? Json(static_cast<int64_t>(adapter.alpha)) : Json(adapter.alpha);
  return config;
}

}  // namespace

ForeignAdapter parse_peft_adapter(const Json& config, const TensorFile& weights,
                                  const std::string& where) {
  if (!config.is_object()) fail(where, ": expected a JSON object");
  check_method(config, where);
  ForeignAdapter adapter;
  adapter.base = text_at(config, "base_model_name_or_path", "", where);
  adapter.alpha = number_at(config, "lora_alpha", 8.0, where);
  LoraTerms terms;
  std::vector<TensorEntry> head;
  std::vector<std::string> unknown;
  for (const TensorEntry& tensor : weights.tensors()) {
    const PeftName name = plain_name(tensor.name);
    if (name.untouched || add_term(name, tensor, where, terms)) continue;
    const std::string own = head_name(name.name);
    if (own.empty()) {
      unknown.push_back(tensor.name);
    } else {
      head.push_back(renamed(tensor, own));
    }
  }
  if (!unknown.empty()) {
    fail(where, ": tensors for which pals has no place: ", few_names(unknown),
         "; it has LoRA terms of the encoder's dense layers, a classifier and a pooler");
  }
  terms.finish(count_at(config, "r", 8, where), where, adapter);
  adapter.tensors.insert(adapter.tensors.end(), head.begin(), head.end());
  read_head(config, where, adapter);
  adapter.task_pooler = std::ranges::any_of(
      head, [](const TensorEntry& tensor) { return tensor.name.starts_with("pooler."); });
  if (!is_nothing(config.value("lora_dropout", Json()))) {
    adapter.notes.emplace_back(
        "dropout before LoRA's terms (lora_dropout) is of training alone and not taken over");
  }
  return adapter;
}

void write_peft_folder(const std::string& path, const ForeignAdapter& adapter) {
  const Json config = peft_config(adapter);
  std::vector<TensorEntry> tensors;
  for (const TensorEntry& tensor : adapter.tensors) {
    const bool of_layer = tensor.name.starts_with("layer.");
    const bool of_bert = of_layer || tensor.name.starts_with("pooler.");
    tensors.push_back(renamed(
        tensor, concat(kModel, of_bert ? "bert." : "", of_layer ? "encoder." : "", tensor.name)));
  }
  make_directories(path);
  write_safetensors(path + kPeftWeights, tensors, {{"format", "pt"}});
  write_file_atomically(path + kPeftConfig, json_text(config));
}

}  // namespace pals

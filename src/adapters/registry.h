// The kinds of adapters by name, and how a user chooses one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "adapters/module.h"

namespace pals {

/// A row of the registry. Any kind can be followed by `_lhuc`; `lhuc` alone is `none_lhuc`.
struct AdapterKind {
  const char* name;
  const char* description;
  int64_t default_size;  ///< for hidden_size 768; 0: the kind has no size
  int64_t heads;         ///< the size must be a multiple of it
  bool by_layer;         ///< can be limited to some layers
  void (*build)(const AdapterBuild&, TaskAdapter&);  ///< null: nothing but LHUC
};

const std::vector<AdapterKind>& adapter_kinds();

/// What a user chose.
struct AdapterConfig {
  std::string kind = "none";  ///< with `_lhuc` where LHUC is added
  int64_t size = 0;
  int64_t bottleneck_size = 0;  ///< houlsby_pals: inner size of its low-rank modules
  std::vector<int> layers;      ///< empty: all (or a kind on top of the encoder)
  bool task_pooler = false;
};

/// All names that --adapter takes.
std::vector<std::string> adapter_names();

/// Fills in what is left open and checks kind, sizes and layers; Error on a bad choice (`where`
/// names the flag or file), with the nearest valid sizes.
AdapterConfig resolve_adapter(AdapterConfig config, const BertConfig& bert,
                              const std::string& where);

/// The reference's configuration keys, to be let through by parse_bert_config.
const std::vector<std::string>& reference_adapter_keys();

/// Reads those keys (`mult`, `pals`, `houlsby`, `lhuc`, `top`, `bert_lay_top`, `hidden_size_aug`,
/// `extra_dim`).
AdapterConfig adapter_from_reference_keys(const Json& json, const std::string& where);

/// The same the other way, with `num_tasks`. Error for what the reference does not have: adapters
/// in some of the layers only, and a pooler for each task.
Json adapter_to_reference_keys(const AdapterConfig& config, const BertConfig& bert, int num_tasks);

/// The "pals" object of a model folder's config.json, both ways.
Json adapter_to_json(const AdapterConfig& config);
AdapterConfig adapter_from_json(const Json& json, const std::string& where);

/// "0-5,8" -> {0, ..., 5, 8}.
std::vector<int> parse_layers(const std::string& text, const std::string& where);

/// Registers the parameters of one task's adapter, those that are folded for prediction in a table
/// of their own, and returns its modules. `config` is resolved.
TaskAdapter build_adapter(ParameterTable& table, ParameterTable& folded, int task,
                          const BertConfig& bert, const AdapterConfig& config);

}  // namespace pals

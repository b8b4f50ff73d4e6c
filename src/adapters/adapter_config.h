// What adapter a task has: its kind and the settings of that kind, and how they are written.
#pragma once

#include <string>
#include <vector>

#include "base/json.h"

namespace pals {

/// A choice of an adapter. Which of the settings count is a matter of the kind
/// (AdapterKind::settings); the others are zero or empty once the choice is resolved.
struct AdapterConfig {
  std::string kind = "none";              ///< with `_lhuc` where LHUC is added
  int64_t size = 0;                       ///< P; of lora its rank
  int64_t bottleneck_size = 0;            ///< houlsby_pals: inner size of its low-rank modules
  double alpha = 0.0;                     ///< lora: the term is scaled by alpha / rank
  std::vector<std::string> targets = {};  ///< lora: the dense layers that have a term
  std::string activation = {};            ///< bottleneck: between its two layers
  std::vector<std::string> after = {};    ///< bottleneck: the blocks that it follows
  std::string reads = {};                 ///< bottleneck: dense or normalised
  std::vector<int> layers = {};           ///< empty: all (or a kind on top of the encoder)
  bool task_pooler = false;

  bool operator==(const AdapterConfig&) const = default;
};

/// The "adapter" object of a task file and of a task's folder, both ways: "kind", the settings of
/// the kind, "layers", "task_pooler". Error for keys that the kind does not have. What is left out
/// is left open (resolve_adapter).
Json adapter_to_json(const AdapterConfig& config);
AdapterConfig adapter_from_json(const Json& json, const std::string& where);

/// The same in flat keys ("adapter", "adapter_size", ...), as they stand in the "pals" object of
/// older folders and beside single files.
Json adapter_to_flat_json(const AdapterConfig& config);
AdapterConfig adapter_from_flat_json(const Json& json, const std::string& where);

/// The kinds of these, each once: "pals, lora"; "none" if there are no tasks.
std::string adapter_kinds_text(const std::vector<AdapterConfig>& adapters);

/// UsageError unless a size is from 1 to 32768 and a multiple of `multiple`, with the nearest that
/// are.
void check_adapter_size(const char* what, int64_t size, int64_t multiple, const std::string& where);

/// "query, value" -> {"query", "value"}.
std::vector<std::string> parse_targets(const std::string& text);

/// "0-5,8" -> {0, ..., 5, 8}.
std::vector<int> parse_layers(const std::string& text, const std::string& where);

}  // namespace pals

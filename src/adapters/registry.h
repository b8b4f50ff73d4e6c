// The kinds of adapters by name, and how a user chooses one.
#pragma once

#include <string>
#include <vector>

#include "adapters/adapter_config.h"
#include "adapters/module.h"

namespace pals {

/// A row of the registry. Any kind can be followed by `_lhuc`; `lhuc` alone is `none_lhuc`.
struct AdapterKind {
  const char* name;
  const char* description;
  std::vector<const char*> settings = {};  ///< its keys in AdapterConfig's JSON
  int64_t default_size = 0;                ///< for hidden_size 768; 0: the kind has no size
  int64_t heads = 1;                       ///< the size must be a multiple of it
  bool by_layer = true;                    ///< can be limited to some layers
  /// Takes over and checks the settings beside the size, and fills in what was left open; may be
  /// null.
  void (*resolve)(const AdapterConfig& chosen, const BertConfig&, const std::string& where,
                  AdapterConfig& resolved) = nullptr;
  void (*build)(const AdapterBuild&, TaskAdapter&) = nullptr;  ///< null: nothing but LHUC
};

const std::vector<AdapterKind>& adapter_kinds();

/// A kind with or without LHUC.
struct ParsedKind {
  const AdapterKind* kind = nullptr;
  bool lhuc = false;
};

/// The kind of that name. UsageError, with the nearest and all names, if there is none.
ParsedKind find_adapter_kind(std::string name, const std::string& where);

/// All names that --adapter takes.
std::vector<std::string> adapter_names();

/// Fills in what is left open and checks kind, sizes and layers; Error on a bad choice (`where`
/// names the flag or file), with the nearest valid sizes.
AdapterConfig resolve_adapter(AdapterConfig config, const BertConfig& bert,
                              const std::string& where);

/// Registers the parameters of one task's adapter, those that are folded for prediction in a table
/// of their own, and returns its modules. `shared` holds the encoder's rows. `config` is resolved.
TaskAdapter build_adapter(ParameterTable& table, ParameterTable& folded,
                          const ParameterTable& shared, int task, const BertConfig& bert,
                          const AdapterConfig& config);

}  // namespace pals

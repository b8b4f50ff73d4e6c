// The flags that choose an adapter, of the commands that make models.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "options/option.h"

namespace pals {

/// Zero or empty: not given.
struct AdapterFlags {
  std::string adapter;  ///< the kind
  int64_t adapter_size = 0;
  int64_t rank = 0;
  double alpha = 0.0;
  std::string targets;         ///< names with commas between
  std::string adapter_layers;  ///< numbers and ranges
};

/// One row for each, which fills `flags` (it must outlive the rows).
std::vector<Option> adapter_options(AdapterFlags& flags);

}  // namespace pals

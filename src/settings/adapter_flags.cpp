#include "settings/adapter_flags.h"

namespace pals {

std::vector<Option> adapter_options(AdapterFlags& flags) {
  return {{.name = "adapter", .field = flags.adapter, .help = "task-specific parts"},
          {.name = "adapter_size",
           .field = flags.adapter_size,
           .range = kNotNegative,
           .help = "adapter size P; 0: the model's, else the paper's share of `hidden_size`",
           .more = " (204, 100, 50, 156 or 204 of 768) in whole heads. P must be a multiple of 6 "
                   "for PALs, of 12 for top attention"},
          {.name = "rank",
           .field = flags.rank,
           .range = kNotNegative,
           .help = "`lora`: rank of its terms; 0: the model's, else 8"},
          {.name = "alpha",
           .field = flags.alpha,
           .range = kNotNegative,
           .help = "`lora`: its terms are scaled by alpha / rank; 0: the model's, else 2 x rank"},
          {.name = "targets",
           .field = flags.targets,
           .help = "`lora`: dense layers with a term, such as `query,value` (if not given)",
           .more = ", of `query`, `key`, `value`, `attention_output`, `intermediate`, `output`; "
                   "`all` is every one"},
          {.name = "adapter_layers",
           .field = flags.adapter_layers,
           .help = "layers that have adapters, such as `6-11`",
           .more = " or `0,2,4`; counted from 0; all if not given"}};
}

}  // namespace pals

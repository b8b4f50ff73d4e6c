#include "adapters/houlsby.h"

#include <algorithm>

#include "adapters/low_rank.h"
#include "adapters/projected_attention.h"

namespace pals {

void build_houlsby(const AdapterBuild& build, TaskAdapter& adapter) {
  adapter.feed_forward_reads_attention = true;
  for (const int layer : build.config.layers) {
    const std::string prefix = build.layer_prefix(layer) + "houlsby.";
    adapter.after_attention.modules[static_cast<size_t>(layer)] =
        std::make_unique<LowRank>(build, prefix + "attention.", build.config.size);
    adapter.feed_forward_term[static_cast<size_t>(layer)] =
        std::make_unique<LowRank>(build, prefix + "output.", build.config.size);
  }
}

void resolve_houlsby_pals(const AdapterConfig& chosen, const BertConfig& bert,
                          const std::string& where, AdapterConfig& resolved) {
  resolved.bottleneck_size = chosen.bottleneck_size != 0
                                 ? chosen.bottleneck_size
                                 : std::max<int64_t>(1, 50 * bert.hidden_size / 768);
  check_adapter_size("the bottleneck size", resolved.bottleneck_size, 1, where);
}

void build_houlsby_pals(const AdapterBuild& build, TaskAdapter& adapter) {
  adapter.feed_forward_reads_attention = true;
  const ProjectedAttention::Projections projections(build);
  for (const int layer : build.config.layers) {
    const std::string prefix = build.layer_prefix(layer) + "houlsby.";
    adapter.after_attention.modules[static_cast<size_t>(layer)] =
        std::make_unique<LowRank>(build, prefix + "attention.", build.config.bottleneck_size);
    adapter.feed_forward_term[static_cast<size_t>(layer)] =
        std::make_unique<ProjectedAttention>(build, layer, projections);
  }
}

}  // namespace pals

#include "adapters/houlsby.h"

#include "adapters/low_rank.h"
#include "adapters/projected_attention.h"

namespace pals {

void build_houlsby(const AdapterBuild& build, TaskAdapter& adapter) {
  adapter.feed_forward_reads_attention = true;
  for (const int layer : build.layers) {
    const std::string prefix = build.layer_prefix(layer) + "houlsby.";
    adapter.attention_term[static_cast<size_t>(layer)] =
        std::make_unique<LowRank>(build, prefix + "attention.", build.size);
    adapter.feed_forward_term[static_cast<size_t>(layer)] =
        std::make_unique<LowRank>(build, prefix + "output.", build.size);
  }
}

void build_houlsby_pals(const AdapterBuild& build, TaskAdapter& adapter) {
  adapter.feed_forward_reads_attention = true;
  const ProjectedAttention::Projections projections(build);
  for (const int layer : build.layers) {
    const std::string prefix = build.layer_prefix(layer) + "houlsby.";
    adapter.attention_term[static_cast<size_t>(layer)] =
        std::make_unique<LowRank>(build, prefix + "attention.", build.bottleneck_size);
    adapter.feed_forward_term[static_cast<size_t>(layer)] =
        std::make_unique<ProjectedAttention>(build, layer, projections);
  }
}

}  // namespace pals

#include "adapters/projected_attention.h"

// Shapes: S tokens, Q of them queries, H hidden_size, P adapter size.
namespace pals {

ProjectedAttention::Projections::Projections(const AdapterBuild& build)
    : down(build.table, build.prefix + "pal.", {"down"}, build.bert.hidden_size, build.size,
           {build.owner}),
      up(build.table, build.prefix + "pal.", {"up"}, build.size, build.bert.hidden_size,
         {build.owner}) {}

ProjectedAttention::ProjectedAttention(const AdapterBuild& build, int layer,
                                       const Projections& projections)
    : down_(projections.down),
      attention_(build.table, build.layer_prefix(layer) + "pal.", build.size, kNumHeads,
                 {build.owner, LearningRateGroup::kAttentionAdapter}),
      up_(projections.up) {}

at::Tensor ProjectedAttention::forward(const Pass& pass, int layer, const at::Tensor& x) const {
  const at::Tensor projected = down_.forward(pass, x);  // [S, P]
  const at::Tensor context =                            // [Q, P]
      attention_.forward(pass, layer, kAdapterAttention, projected);
  const auto [u, y] = up_.activated(pass, Activation::kGelu, context);  // [Q, H]
  pass.save(x, context, u);
  return y;
}

at::Tensor ProjectedAttention::backward(const Pass& pass, int layer, const at::Tensor& dy) const {
  const auto [x, context, u] = pass.take<3>();
  at::Tensor du = pass.empty(dy.sizes());
  bias_activation_backward(Activation::kGelu, dy, u, du, up_.bias_gradient(pass));
  up_.backward_weight(pass, du, context);
  const at::Tensor d_projected =
      attention_.backward(pass, layer, kAdapterAttention, up_.backward_input(pass, du), {});
  down_.backward_bias(pass, d_projected);
  down_.backward_weight(pass, d_projected, x);
  return down_.backward_input(pass, d_projected);
}

void build_pals(const AdapterBuild& build, TaskAdapter& adapter) {
  const ProjectedAttention::Projections projections(build);
  for (const int layer : build.layers) {
    adapter.feed_forward_term[static_cast<size_t>(layer)] =
        std::make_unique<ProjectedAttention>(build, layer, projections);
  }
}

}  // namespace pals

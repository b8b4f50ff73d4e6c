#include "adapters/projected_attention.h"

// Shapes: S tokens, Q of them queries, H hidden_size, P adapter size.
namespace pals {

ProjectedAttention::Projections::Projections(const AdapterBuild& build)
    : down(build.table, build.prefix + "pal.", {"down"}, build.bert.hidden_size, build.config.size,
           {build.owner}),
      up(build.table, build.prefix + "pal.", {"up"}, build.config.size, build.bert.hidden_size,
         {build.owner}) {}

ProjectedAttention::ProjectedAttention(const AdapterBuild& build, int layer,
                                       const Projections& projections)
    : down_(projections.down),
      attention_(build.table, build.layer_prefix(layer) + "pal.", build.config.size,
                 build.config.size, kNumHeads, {build.owner, LearningRateGroup::kAttentionAdapter}),
      folded_(build.folded, build.layer_prefix(layer) + "pal.", build.bert.hidden_size,
              build.config.size, kNumHeads, {build.owner}),
      up_(projections.up) {}

AttendingModule::State ProjectedAttention::begin(const Pass& pass, int layer,
                                                 const at::Tensor& x) const {
  if (pass.folded != nullptr) {
    return {x, folded_.project(pass.of_folded(), layer, kAdapterAttention, x)};
  }
  const at::Tensor projected = down_.forward(pass, x);  // [S, P]
  return {x, attention_.project(pass, layer, kAdapterAttention, projected)};
}

at::Tensor ProjectedAttention::finish(const Pass& pass, int /*layer*/, const State& state) const {
  attention_.keep(pass, state.attention);
  const at::Tensor& context = state.attention.heads.context;            // [Q, P]
  const auto [u, y] = up_.activated(pass, Activation::kGelu, context);  // [Q, H]
  pass.save(state.x, context, u);
  return y;
}

AttendingModule::State ProjectedAttention::begin_backward(const Pass& pass, int layer,
                                                          const at::Tensor& dy) const {
  const auto [x, context, u] = pass.take<3>();
  const at::Tensor du = pass.empty(dy.sizes());
  up_.backward_activated(pass, Activation::kGelu, dy, u, du);
  up_.backward_weight(pass, du, context);
  return {x, attention_.take(pass, layer, kAdapterAttention, up_.backward_input(pass, du))};
}

at::Tensor ProjectedAttention::finish_backward(const Pass& pass, int /*layer*/,
                                               const State& state) const {
  const at::Tensor d_projected = attention_.project_backward(pass, state.attention, {});
  down_.backward_bias(pass, d_projected);
  down_.backward_weight(pass, d_projected, state.x);
  return down_.backward_input(pass, d_projected);
}

void ProjectedAttention::fold(const ParameterArena& from, ParameterArena& to) const {
  folded_.fold(down_, attention_, from, to);
}

void build_pals(const AdapterBuild& build, TaskAdapter& adapter) {
  const ProjectedAttention::Projections projections(build);
  for (const int layer : build.config.layers) {
    adapter.feed_forward_term[static_cast<size_t>(layer)] =
        std::make_unique<ProjectedAttention>(build, layer, projections);
  }
}

}  // namespace pals

#include "adapters/projected_attention.h"

// Shapes: S tokens, H hidden_size, P adapter size.
namespace pals {

ProjectedAttention::Projections::Projections(const AdapterBuild& build)
    : down(build.table, build.prefix + "pal.", {"down"}, build.bert.hidden_size, build.size,
           {build.owner}),
      up(build.table, build.prefix + "pal.", {"up"}, build.size, build.bert.hidden_size,
         {build.owner}) {}

ProjectedAttention::ProjectedAttention(const AdapterBuild& build, int layer,
                                       const Projections& projections)
    : down_(projections.down),
      qkv_(build.table, build.layer_prefix(layer) + "pal.", {"query", "key", "value"}, build.size,
           build.size, {build.owner, LearningRateGroup::kAttentionAdapter}),
      up_(projections.up),
      scale_(attention_scale(build.size / kNumHeads)) {}

at::Tensor ProjectedAttention::forward(const Pass& pass, int layer, const at::Tensor& x) const {
  const int64_t tokens = x.size(0), size = down_.out_features();
  const at::Tensor projected = down_.forward(pass, x);   // [S, P]
  const at::Tensor qkv = qkv_.forward(pass, projected);  // [S, 3P]
  at::Tensor context = pass.empty({tokens, size});       // [S, P]
  at::Tensor logsumexp = pass.empty_float({tokens, kNumHeads});
  attention_forward(qkv.narrow(1, 0, size), qkv.narrow(1, size, size),
                    qkv.narrow(1, 2 * size, size), pass.rows, kNumHeads, scale_,
                    pass.attention_dropout(layer, kAdapterAttention), context, logsumexp);
  at::Tensor u = up_.product(pass, context);  // [S, H]
  at::Tensor y = pass.tape != nullptr ? pass.empty(u.sizes()) : u;
  bias_activation_forward(Activation::kGelu, u, up_.bias(pass), y);
  pass.save(x, projected, qkv, context, logsumexp, u);
  return y;
}

at::Tensor ProjectedAttention::backward(const Pass& pass, int layer, const at::Tensor& dy) const {
  const int64_t size = down_.out_features();
  const auto [x, projected, qkv, context, logsumexp, u] = pass.take<6>();
  at::Tensor du = pass.empty(dy.sizes());
  bias_activation_backward(Activation::kGelu, dy, u, du, up_.bias_gradient(pass));
  up_.backward_weight(pass, du, context);
  const at::Tensor d_context = up_.backward_input(pass, du);
  at::Tensor d_qkv = pass.empty(qkv.sizes());
  at::Tensor dq = d_qkv.narrow(1, 0, size), dk = d_qkv.narrow(1, size, size),
             dv = d_qkv.narrow(1, 2 * size, size);
  attention_backward(d_context, qkv.narrow(1, 0, size), qkv.narrow(1, size, size),
                     qkv.narrow(1, 2 * size, size), context, logsumexp, pass.rows, kNumHeads,
                     scale_, pass.attention_dropout(layer, kAdapterAttention), dq, dk, dv);
  qkv_.backward_bias(pass, d_qkv);
  qkv_.backward_weight(pass, d_qkv, projected);
  const at::Tensor d_projected = qkv_.backward_input(pass, d_qkv);
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

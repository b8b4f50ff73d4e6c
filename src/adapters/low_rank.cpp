#include "adapters/low_rank.h"

namespace pals {

LowRank::LowRank(const AdapterBuild& build, const std::string& prefix, int64_t inner_size,
                 Activation activation)
    : down_(build.table, prefix, {"down"}, build.bert.hidden_size, inner_size, {build.owner}),
      up_(build.table, prefix, {"up"}, inner_size, build.bert.hidden_size, {build.owner}),
      activation_(activation) {}

at::Tensor LowRank::forward(const Pass& pass, int /*layer*/, const at::Tensor& h) const {
  const at::Tensor x = pass.queries(h);
  const auto [u, g] = down_.activated(pass, activation_, x);  // [Q, P]
  pass.save(x, u, g);
  return up_.forward(pass, g);
}

at::Tensor LowRank::backward(const Pass& pass, int /*layer*/, const at::Tensor& dy) const {
  const auto [x, u, g] = pass.take<3>();
  up_.backward_bias(pass, dy);
  up_.backward_weight(pass, dy, g);
  const at::Tensor du = up_.backward_input(pass, dy);
  down_.backward_activated(pass, activation_, du, u, du);
  down_.backward_weight(pass, du, x);
  at::Tensor dx = down_.backward_input(pass, du);
  if (!pass.narrowed()) return dx;
  at::Tensor dh = pass.zeros({pass.num_tokens(), dx.size(1)});
  pass.add_to_queries(dh, dx);
  return dh;
}

void build_low_rank(const AdapterBuild& build, TaskAdapter& adapter) {
  for (const int layer : build.config.layers) {
    adapter.feed_forward_term[static_cast<size_t>(layer)] = std::make_unique<LowRank>(
        build, build.layer_prefix(layer) + "low_rank.", build.config.size);
  }
}

}  // namespace pals

#include "adapters/lhuc.h"

namespace pals {
namespace {

// outer(inner(x)); outer works token by token. It is made of an attention if inner is.
class Composed : public AttendingModule {
 public:
  Composed(std::unique_ptr<AdapterModule> inner, std::unique_ptr<AdapterModule> outer)
      : inner_(std::move(inner)), outer_(std::move(outer)) {}

  bool attends() const override { return inner_->attends(); }
  const AttendingModule* attending() const override {
    return inner_->attending() != nullptr ? this : nullptr;
  }
  State begin(const Pass& pass, int layer, const at::Tensor& x) const override {
    return inner_->attending()->begin(pass, layer, x);
  }
  at::Tensor finish(const Pass& pass, int layer, const State& state) const override {
    return outer_->forward(pass.of_queries(), layer,
                           inner_->attending()->finish(pass, layer, state));
  }
  State begin_backward(const Pass& pass, int layer, const at::Tensor& dy) const override {
    return inner_->attending()->begin_backward(pass, layer,
                                               outer_->backward(pass.of_queries(), layer, dy));
  }
  at::Tensor finish_backward(const Pass& pass, int layer, const State& state) const override {
    return inner_->attending()->finish_backward(pass, layer, state);
  }
  at::Tensor forward(const Pass& pass, int layer, const at::Tensor& x) const override {
    return outer_->forward(pass.of_queries(), layer, inner_->forward(pass, layer, x));
  }
  at::Tensor backward(const Pass& pass, int layer, const at::Tensor& dy) const override {
    return inner_->backward(pass, layer, outer_->backward(pass.of_queries(), layer, dy));
  }
  void fold(const ParameterArena& from, ParameterArena& to) const override {
    inner_->fold(from, to);
  }

 private:
  std::unique_ptr<AdapterModule> inner_, outer_;
};

ParameterId add_scale(const AdapterBuild& build, int layer) {
  Parameter row;
  row.name = build.layer_prefix(layer) + "lhuc.scale";
  row.shape = {build.bert.hidden_size};
  row.owner = build.owner;
  row.init = Init::kZero;
  return build.table.add(std::move(row));
}

void put_behind(std::unique_ptr<AdapterModule>& place, std::unique_ptr<AdapterModule> scale) {
  if (place == nullptr) {
    place = std::move(scale);
  } else {
    place = std::make_unique<Composed>(std::move(place), std::move(scale));
  }
}

}  // namespace

Lhuc::Lhuc(const AdapterBuild& build, int layer) : scale_(add_scale(build, layer)) {}

at::Tensor Lhuc::forward(const Pass& pass, int /*layer*/, const at::Tensor& x) const {
  pass.save(x);
  const at::Tensor scale = at::sigmoid(pass.arena.weight(scale_)).mul_(2.0);
  return (x * scale).to(pass.type);
}

at::Tensor Lhuc::backward(const Pass& pass, int /*layer*/, const at::Tensor& dy) const {
  const auto [x] = pass.take<1>();
  const at::Tensor scale = at::sigmoid(pass.arena.weight(scale_)).mul_(2.0);
  at::Tensor gradient = pass.arena.gradient(scale_);
  if (gradient.defined()) {
    // d(2 sigmoid(a))/da = s (1 - s/2) with s = 2 sigmoid(a).
    const at::Tensor sums = (dy.to(at::kFloat) * x.to(at::kFloat)).sum(0);
    gradient.add_(sums * scale * (1.0 - 0.5 * scale));
  }
  return (dy * scale).to(pass.type);
}

void add_lhuc(const AdapterBuild& build, TaskAdapter& adapter) {
  for (const int layer : build.config.layers) {
    auto& term = adapter.feed_forward_term[static_cast<size_t>(layer)];
    auto& output = adapter.after_layer[static_cast<size_t>(layer)];
    const bool scales_term = term != nullptr && !adapter.feed_forward_reads_attention;
    put_behind(scales_term ? term : output, std::make_unique<Lhuc>(build, layer));
  }
}

}  // namespace pals

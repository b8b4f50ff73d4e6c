// The plain optimizer.
#include <algorithm>

#include "kernels/backend.h"
#include "kernels/pack.h"

namespace pals::plain {
namespace {

void step(const BertAdam& block, const AdamRange& range) {
  const auto part = [&](const at::Tensor& buffer) {
    return buffer.narrow(0, range.offset, range.numel);
  };
  const at::Tensor gradient = part(block.gradients);
  const double norm = gradient.to(at::kDouble).norm().item<double>();
  const double factor = std::min(1.0, block.max_grad_norm / (norm + 1e-6));
  const at::Tensor clipped = gradient * factor;
  const at::Tensor m = part(block.first_moment);
  const at::Tensor v = part(block.second_moment);
  const at::Tensor w = part(block.weights);
  m.mul_(block.beta1).add_(clipped, 1 - block.beta1);
  v.mul_(block.beta2).addcmul_(clipped, clipped, 1 - block.beta2);
  w.sub_((m / (v.sqrt() + block.epsilon) + w * range.weight_decay) * range.learning_rate);
  if (block.shadow.defined()) {
    const auto [weights, shadow] = shadowed_weights(block, range);
    shadow.copy_(weights);
  }
}

}  // namespace

void bert_adam(const BertAdam& block) {
  if (block.overflow.defined() && block.overflow.item<float>() != 0.0F) return;
  for (const AdamRange& range : ranges_of(block)) step(block, range);
}

}  // namespace pals::plain

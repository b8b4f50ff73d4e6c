#include "train/loss_scaler.h"

#include <c10/core/InferenceMode.h>

namespace pals {
namespace {

constexpr double kFirstScale = 65536.0, kGrowth = 2.0, kBackoff = 0.5;
constexpr int64_t kStepsToGrowth = 2000;

}  // namespace

LossScaler::LossScaler(at::Device device) {
  const c10::InferenceMode inference_mode;
  const auto options = at::TensorOptions(at::kFloat).device(device);
  scale_ = at::full({1}, kFirstScale, options);
  overflow_ = at::zeros({1}, options);
  good_steps_ = at::zeros({1}, options.dtype(at::kInt));
}

void LossScaler::unscale(ParameterArena& arena, int task, const World& world) {
  const c10::InferenceMode inference_mode;
  std::vector<at::Tensor> parts;
  for (const int owner : {kSharedOwner, task}) {
    const ArenaRange range = arena.table().range(owner);
    parts.push_back(arena.gradients().slice(0, range.begin, range.end));
  }
  overflow_.zero_();
  at::_amp_foreach_non_finite_check_and_unscale_(parts, overflow_, scale_.reciprocal());
  world.sum(overflow_);
  at::_amp_update_scale_(scale_, good_steps_, overflow_, kGrowth, kBackoff, kStepsToGrowth);
}

Json LossScaler::to_json() const {
  return {{"scale", scale_.item<float>()}, {"good_steps", good_steps_.item<int32_t>()}};
}

void LossScaler::from_json(const Json& json) {
  const c10::InferenceMode inference_mode;
  scale_.fill_(json.at("scale").get<float>());
  good_steps_.fill_(json.at("good_steps").get<int32_t>());
}

}  // namespace pals

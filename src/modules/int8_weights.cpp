#include "modules/int8_weights.h"

#include "base/cpu.h"
#include "kernels/operations.h"
#include "modules/onednn.h"

namespace pals {
namespace {

at::Tensor prepack(const at::Tensor& weight) {
  return call_onednn("onednn::qlinear_prepack", {weight, c10::IValue()});
}

at::Tensor linear(const at::Tensor& bytes, const at::Tensor& weight, const at::Tensor& scales,
                  const at::Tensor& zero_points, at::ScalarType type) {
  constexpr double kScale = 1.0;  // the rows' scales come afterwards
  const c10::List<std::optional<at::Scalar>> no_arguments;
  return call_onednn(
      "onednn::qlinear_pointwise",
      {bytes, kScale, int64_t{cpu::kByteZero}, weight, scales, zero_points, c10::IValue(), kScale,
       int64_t{0}, static_cast<int64_t>(type), "none", no_arguments, ""});
}

}  // namespace

bool Int8Weights::supported() { return cpu_features().avx512_vnni; }

const Int8Weights::Packed& Int8Weights::packed(ParameterId id, const at::Tensor& weight) {
  const std::lock_guard lock(mutex_);
  const auto [entry, is_new] = packed_.try_emplace({id, weight.size(0)});
  if (is_new) {
    const at::Tensor scales = weight.abs().amax(1).clamp_min(1e-30F).div_(127.0F);
    const at::Tensor numbers = at::round(weight / scales.unsqueeze(1)).to(at::kChar);
    if (cpu::takes_panels(at::kByte)) {
      entry->second.panels = cpu::pack_right(numbers, scales);
    } else {
      entry->second.blocks = prepack(numbers);
      entry->second.scales = scales;
      entry->second.zero_points = at::zeros(weight.size(0), at::kLong);
    }
  }
  return entry->second;
}

at::Tensor Int8Weights::product(ParameterId id, const at::Tensor& weight, const at::Tensor& x,
                                const at::Tensor& bias) {
  const Packed& right = packed(id, weight);
  QuantizedRows left{.x = x};
  quantize_rows(left);
  if (right.blocks.defined()) {
    at::Tensor y =
        linear(left.bytes, right.blocks, right.scales, right.zero_points, x.scalar_type());
    scale_rows({.x = y, .scales = left.scales, .bias = bias});
    return y;
  }
  at::Tensor y = at::empty({x.size(0), weight.size(0)}, x.options());
  cpu::multiply_panels(left.bytes, left.scales, right.panels, y, bias);
  return y;
}

}  // namespace pals

#include "nn/product.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include "base/cpu.h"

namespace pals {
namespace {

// Below, preparing the weight takes longer than oneDNN saves.
constexpr int64_t kFewRows = 64, kFewOutputs = 16;

// oneDNN's products as LibTorch registers them; they have no C++ function.
at::Tensor call(const char* name, torch::jit::Stack stack) {
  c10::Dispatcher::singleton().findSchemaOrThrow(name, "").callBoxed(stack);
  return stack.at(0).toTensor();
}

at::Tensor onednn_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const c10::List<std::optional<at::Scalar>> no_arguments;
  return call(
      "mkldnn::_linear_pointwise",
      {x, weight, bias.defined() ? c10::IValue(bias) : c10::IValue(), "none", no_arguments, ""});
}

// at::mm multiplies fp32 with MKL, which reaches 160 to 195 GFLOP/s on two cores of an AMD Zen 4
// where oneDNN has 205 to 220. In bf16 it calls oneDNN itself.
bool takes_onednn(const at::Tensor& x, int64_t outputs) {
  return x.is_cpu() && x.scalar_type() == at::kFloat && x.size(0) >= kFewRows &&
         outputs >= kFewOutputs && cpu_features().avx2 && !cpu_features().intel;
}

}  // namespace

at::Tensor times_transposed(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (takes_onednn(x, weight.size(0))) return onednn_linear(x, weight, bias);
  return bias.defined() ? at::addmm(bias, x, weight.t()) : at::mm(x, weight.t());
}

at::Tensor times(const at::Tensor& x, const at::Tensor& weight) {
  return takes_onednn(x, weight.size(1)) ? onednn_linear(x, weight.t(), {}) : at::mm(x, weight);
}

void add_times(at::Tensor& sum, const at::Tensor& x, const at::Tensor& weight) {
  if (takes_onednn(x, weight.size(1))) {
    sum.add_(onednn_linear(x, weight.t(), {}));
  } else {
    sum.addmm_(x, weight);
  }
}

bool PackedWeights::supported(at::ScalarType type) {
  const CpuFeatures& cpu = cpu_features();
  return type == at::kFloat ? cpu.avx2 : type == at::kBFloat16 && (cpu.avx512_bf16 || cpu.amx_bf16);
}

const at::Tensor& PackedWeights::packed(ParameterId id, const at::Tensor& weight) {
  const std::lock_guard lock(mutex_);
  const auto [entry, is_new] = packed_.try_emplace({id, weight.size(0)});
  if (is_new) entry->second = call("mkldnn::_reorder_linear_weight", {weight, c10::IValue()});
  return entry->second;
}

at::Tensor PackedWeights::product(ParameterId id, const at::Tensor& weight, const at::Tensor& x,
                                  const at::Tensor& bias) {
  return onednn_linear(x, packed(id, weight), bias);
}

}  // namespace pals

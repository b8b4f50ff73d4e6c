#include "modules/product.h"

#include <vector>

#include "base/cpu.h"
#include "base/device_rows.h"
#include "kernels/operations.h"
#include "modules/onednn.h"

namespace pals {
namespace {

bool takes_panels(const at::Tensor& x) { return x.is_cpu() && cpu::takes_panels(x.scalar_type()); }

// Of such operands a product is widened to a multiple of kDeviceRowMultiple columns, by what lies
// behind the weight in the arena's shadow; nobody reads what comes of it.
bool widens(const at::Tensor& weight) { return !weight.is_cpu() && weight.element_size() == 2; }

at::Tensor with_rows(const at::Tensor& x, int64_t rows) {
  if (rows == x.size(0)) return x;
  std::vector<int64_t> sizes = x.sizes().vec();
  sizes[0] = rows;
  return x.as_strided(sizes, x.strides());
}

at::Tensor with_columns(const at::Tensor& x) {
  return x.as_strided({x.size(0), device_row(x.size(1))}, x.strides());
}

}  // namespace

at::Tensor times_transposed(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (widens(weight)) {
    const int64_t outputs = weight.size(0), rows = device_row(outputs);
    const at::Tensor right = with_rows(weight, rows).t();
    const at::Tensor y =
        bias.defined() ? at::addmm(with_rows(bias, rows), x, right) : at::mm(x, right);
    return y.narrow(1, 0, outputs);
  }
  if (!takes_panels(x)) {
    return bias.defined() ? at::addmm(bias, x, weight.t()) : at::mm(x, weight.t());
  }
  at::Tensor y = at::empty({x.size(0), weight.size(0)}, x.options());
  cpu::multiply_panels(x, weight, y, bias, false);
  return y;
}

at::Tensor times(const at::Tensor& x, const at::Tensor& weight) {
  if (widens(weight)) return at::mm(x, with_columns(weight)).narrow(1, 0, weight.size(1));
  if (!takes_panels(x)) return at::mm(x, weight);
  at::Tensor y = at::empty({x.size(0), weight.size(1)}, x.options());
  cpu::multiply_panels(x, weight.t(), y, {}, false);
  return y;
}

void add_times(at::Tensor& sum, const at::Tensor& x, const at::Tensor& weight) {
  if (takes_panels(x)) {
    cpu::multiply_panels(x, weight.t(), sum, {}, true);
  } else {
    sum.addmm_(x, weight);
  }
}

void add_transposed_times(at::Tensor& sum, const at::Tensor& dy, const at::Tensor& x) {
  if (takes_panels(x)) {
    cpu::multiply_panels(dy.t(), x.t(), sum, {}, true);
  } else if (x.scalar_type() == at::kFloat) {
    sum.addmm_(dy.t(), x);
  } else if (!x.is_cpu()) {
    at::addmm_out(sum, sum, dy.t(), x, at::kFloat);
  } else {
    accumulate(at::mm(dy.t(), x), sum);
  }
}

bool PackedWeights::supported(at::ScalarType type) {
  const CpuFeatures& cpu = cpu_features();
  return cpu::takes_panels(type) ||
         (type == at::kFloat ? cpu.avx2
                             : type == at::kBFloat16 && (cpu.avx512_bf16 || cpu.amx_bf16));
}

const PackedWeights::Packed& PackedWeights::packed(ParameterId id, const at::Tensor& weight) {
  const std::lock_guard lock(mutex_);
  const auto [entry, is_new] = packed_.try_emplace({id, weight.size(0)});
  if (is_new && takes_panels(weight)) {
    entry->second.panels = cpu::pack_right(weight);
  } else if (is_new) {
    entry->second.blocks = call_onednn("mkldnn::_reorder_linear_weight", {weight, c10::IValue()});
  }
  return entry->second;
}

void PackedWeights::forget(ParameterId id) {
  const std::lock_guard lock(mutex_);
  packed_.erase(packed_.lower_bound({id, 0}), packed_.lower_bound({id + 1, 0}));
}

at::Tensor PackedWeights::product(ParameterId id, const at::Tensor& weight, const at::Tensor& x,
                                  const at::Tensor& bias) {
  const Packed& right = packed(id, weight);
  if (right.blocks.defined()) {
    const c10::List<std::optional<at::Scalar>> no_arguments;
    return call_onednn("mkldnn::_linear_pointwise",
                       {x, right.blocks, bias.defined() ? c10::IValue(bias) : c10::IValue(), "none",
                        no_arguments, ""});
  }
  at::Tensor y = at::empty({x.size(0), weight.size(0)}, x.options());
  cpu::multiply_panels(x, right.panels, y, bias, false);
  return y;
}

}  // namespace pals

// Matrix products on the CPU kernels of nn/isa/panels.h.
#pragma once

#include <ATen/ATen.h>

namespace pals::isa {
struct PanelKernels;  // nn/isa/kernel_table.h, which is not for users of the library
}

namespace pals::cpu {

/// Whether products of `type` are faster here than LibTorch's: the kernels in use have them, and
/// the processor has no matrix unit (AMX; for fp32: MKL is not on its maker's processor).
bool takes_panels(at::ScalarType type);

/// The right side of products, packed once.
struct RightPanels {
  at::Tensor units;
  int64_t columns = 0, depth = 0;
  const isa::PanelKernels* kernels = nullptr;
};

/// b [N, K], fp32 or bf16, any strides.
RightPanels pack_right(const at::Tensor& b);

/// c (+)= a b^T + bias. a [M, K] and b [N, K] of one type, fp32 or bf16, transposed or not; c [M,
/// N] of that type or fp32, unit stride in the last dimension, apart from a and b; bias [N] of any
/// type or undefined. The same bits for any number of threads. Needs kernels that have such
/// products.
void multiply_panels(const at::Tensor& a, const RightPanels& b, at::Tensor& c,
                     const at::Tensor& bias, bool add);
void multiply_panels(const at::Tensor& a, const at::Tensor& b, at::Tensor& c,
                     const at::Tensor& bias, bool add);

}  // namespace pals::cpu

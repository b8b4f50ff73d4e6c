// Matrix products on the CPU kernels of kernels/isa/panels.h.
#pragma once

#include <ATen/ATen.h>

namespace pals::isa {
struct PanelKernels;  // kernels/isa/arguments.h, which is not for users of the library
}

namespace pals::cpu {

/// Whether products of `type` (fp32, bf16, or kByte for int8) are faster here than LibTorch's: the
/// kernels in use have them, and the processor has no matrix unit (AMX; for fp32: MKL is not on its
/// maker's processor).
bool takes_panels(at::ScalarType type);

/// The right side of products, packed once.
struct RightPanels {
  at::Tensor units;
  int64_t columns = 0, depth = 0;
  const isa::PanelKernels* kernels = nullptr;
};

/// b [N, K], fp32 or bf16, any strides, or int8.
RightPanels pack_right(const at::Tensor& b);

/// c (+)= a b^T + bias. a [M, K] and b [N, K] of one type, fp32 or bf16, transposed or not; c [M,
/// N] of that type or fp32, unit stride in the last dimension, apart from a and b; bias [N] of any
/// type or undefined. The same bits for any number of threads. Needs kernels that have such
/// products.
void multiply_panels(const at::Tensor& a, const RightPanels& b, at::Tensor& c,
                     const at::Tensor& bias, bool add);
void multiply_panels(const at::Tensor& a, const at::Tensor& b, at::Tensor& c,
                     const at::Tensor& bias, bool add);

/// What stands for zero in the left side of products of bytes.
constexpr int kByteZero = 128;

/// The right side of products of bytes, packed once.
struct BytePanels {
  RightPanels panels;
  at::Tensor scales,
      starts;  ///< [N and up to a whole panel]: of outputs; -kByteZero x sums of rows
};

/// b [N, K] int8, contiguous, stands for b * scales; scales [N] fp32.
BytePanels pack_right(const at::Tensor& b, const at::Tensor& scales);

/// c = ((a - kByteZero) * scales) (b * b's scales)^T + bias, the sums exact in 32 bits (K up to
/// 65,000). a [M, K] uint8, contiguous; scales [M] fp32; c [M, N] bf16 or fp32, unit stride in the
/// last dimension; bias [N] or undefined.
void multiply_panels(const at::Tensor& a, const at::Tensor& scales, const BytePanels& b,
                     at::Tensor& c, const at::Tensor& bias);

}  // namespace pals::cpu

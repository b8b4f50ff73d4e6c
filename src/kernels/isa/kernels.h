// All kernels of one instruction set gathered. The including file defines PALS_ISA_NAME (the
// namespace), PALS_ISA_KERNELS (their variable) and PALS_ISA_TEXT (its name in words).
#pragma once

#include "kernels/isa/activation.h"
#include "kernels/isa/adam.h"
#include "kernels/isa/attention.h"
#include "kernels/isa/embedding.h"
#include "kernels/isa/layer_norm.h"
#include "kernels/isa/panels.h"
#include "kernels/isa/quantize.h"
#include "kernels/isa/sums.h"

namespace pals::isa {
namespace PALS_ISA_NAME {

template <typename T>
constexpr ActivationKernels activation_kernels() {
  return {bias_activation_forward<T>, bias_activation_backward<T>,
          bias_dropout_forward<T>,    bias_dropout_backward<T>,
          layer_norm_forward<T>,      layer_norm_backward<T>,
          attention_forward<T>,       attention_backward<T>,
          embedding_forward<T>,       embedding_backward<T>,
          add_column_sums<T>,         accumulate<T>,
          quantize_rows<T>,           scale_rows<T>};
}

#if defined(__AVX2__)
template <typename T, typename Out>
constexpr PanelKernels panel_kernels() {
  return {kPanelRows,     kPanelColumns,           kUnit<T>,
          pack_panels<T>, multiply_panels<T, Out>, multiply_panels<T, float>};
}
constexpr PanelKernels kFp32Panels = panel_kernels<float, float>();
#else
constexpr PanelKernels kFp32Panels = {};
#endif
#if defined(__AVX512BF16__)
constexpr PanelKernels kBf16Panels = panel_kernels<uint16_t, uint16_t>();
#else
constexpr PanelKernels kBf16Panels = {};
#endif
#if defined(__AVX512VNNI__)
constexpr PanelKernels kBytePanels = panel_kernels<uint8_t, uint16_t>();
#else
constexpr PanelKernels kBytePanels = {};
#endif

}  // namespace PALS_ISA_NAME

constexpr CpuKernels PALS_ISA_KERNELS = {PALS_ISA_TEXT,
                                         PALS_ISA_NAME::activation_kernels<float>(),
                                         PALS_ISA_NAME::activation_kernels<uint16_t>(),
                                         PALS_ISA_NAME::attention_scratch,
                                         PALS_ISA_NAME::sum_of_squares,
                                         PALS_ISA_NAME::bert_adam,
                                         PALS_ISA_NAME::kFp32Panels,
                                         PALS_ISA_NAME::kBf16Panels,
                                         PALS_ISA_NAME::kBytePanels};

}  // namespace pals::isa

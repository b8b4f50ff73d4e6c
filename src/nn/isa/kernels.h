// All kernels of one instruction set gathered into its table. The including file defines
// PALS_ISA_NAME (the namespace), PALS_ISA_TABLE (the table) and PALS_ISA_TEXT (its name in words).
#pragma once

#include "nn/isa/activation.h"
#include "nn/isa/attention.h"
#include "nn/isa/layer_norm.h"
#include "nn/isa/panels.h"
#include "nn/isa/quantize.h"
#include "nn/isa/tables.h"

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
template <typename T>
constexpr PanelKernels panel_kernels() {
  return {kPanelRows,     kPanelColumns,         kUnit<T>,
          pack_panels<T>, multiply_panels<T, T>, multiply_panels<T, float>};
}
constexpr PanelKernels kFp32Panels = panel_kernels<float>();
#else
constexpr PanelKernels kFp32Panels = {};
#endif
#if defined(__AVX512BF16__)
constexpr PanelKernels kBf16Panels = panel_kernels<uint16_t>();
#else
constexpr PanelKernels kBf16Panels = {};
#endif

}  // namespace PALS_ISA_NAME

constexpr KernelTable PALS_ISA_TABLE = {PALS_ISA_TEXT,
                                        PALS_ISA_NAME::activation_kernels<float>(),
                                        PALS_ISA_NAME::activation_kernels<uint16_t>(),
                                        PALS_ISA_NAME::attention_scratch,
                                        PALS_ISA_NAME::sum_of_squares,
                                        PALS_ISA_NAME::bert_adam,
                                        PALS_ISA_NAME::kFp32Panels,
                                        PALS_ISA_NAME::kBf16Panels};

}  // namespace pals::isa

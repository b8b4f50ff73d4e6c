// In what numbers a model computes.
#pragma once

#include <c10/core/ScalarType.h>

namespace pals {

/// The type of activations, and of weights unless these are int8.
struct Precision {
  at::ScalarType type = at::kFloat;
  bool int8 = false;  ///< weights of the encoder's dense layers (prediction only)
  bool tf32 = false;  ///< fp32, but products of GPUs round their factors to 10 bits

  Precision() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): a type is a precision
  Precision(at::ScalarType activations) : type(activations) {}

  bool operator==(const Precision&) const = default;
};

/// The name of what would have to be chosen for it (choice_of).
const char* precision_name(const Precision& precision);

/// Makes LibTorch's fp32 products on GPUs those of this precision.
void use_fp32_products_of(const Precision& precision);

}  // namespace pals

// In what numbers a model computes.
#pragma once

#include <c10/core/ScalarType.h>

#include <string>

namespace pals {

/// The type of activations, and of weights unless these are int8.
struct Precision {
  at::ScalarType type = at::kFloat;
  bool int8 = false;  ///< weights of the encoder's dense layers (prediction only)

  Precision() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): a type is a precision
  Precision(at::ScalarType activations) : type(activations) {}
};

/// "fp32", "bf16", "int8" (beside the faster of the two) or "auto": bf16 where the processor
/// multiplies in it, else fp32. Throws UsageError for other names, and for int8 on a processor
/// without VNNI.
Precision parse_precision(const std::string& name);

/// The same without int8, in which nothing trains.
at::ScalarType parse_training_precision(const std::string& name);

/// The name that parse_precision reads.
const char* precision_name(const Precision& precision);

}  // namespace pals

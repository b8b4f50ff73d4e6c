// In what numbers a model computes.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <string>

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

/// "fp32", "bf16", "int8" (beside the faster of the two; on processors), "fp16", "tf32" (on GPUs),
/// or "auto": bf16 on a GPU and where the processor multiplies in it, else fp32. Throws UsageError
/// for other names, for what the device does not compute in, and for int8 on a processor without
/// VNNI.
Precision parse_precision(const std::string& name, at::Device device = at::kCPU);

/// The same without int8, in which nothing trains.
Precision parse_training_precision(const std::string& name, at::Device device = at::kCPU);

/// The name that parse_precision reads.
const char* precision_name(const Precision& precision);

/// Makes LibTorch's fp32 products on GPUs those of this precision.
void use_fp32_products_of(const Precision& precision);

}  // namespace pals

#include "nn/precision.h"

#include "base/cpu.h"
#include "base/error.h"
#include "nn/int8_weights.h"

namespace pals {
namespace {

at::ScalarType faster_type() {
  const CpuFeatures& cpu = cpu_features();
  return cpu.amx_bf16 || cpu.avx512_bf16 ? at::kBFloat16 : at::kFloat;
}

}  // namespace

Precision parse_precision(const std::string& name) {
  if (name == "fp32") return at::kFloat;
  if (name == "bf16") return at::kBFloat16;
  if (name == "auto") return faster_type();
  if (name != "int8") {
    fail_usage("--precision: \"", name, "\" is unknown, expected fp32, bf16, int8 or auto");
  }
  if (!Int8Weights::supported()) {
    fail_usage("--precision int8 needs a processor with AVX512-VNNI; take fp32, bf16 or auto");
  }
  Precision precision = faster_type();
  precision.int8 = true;
  return precision;
}

at::ScalarType parse_training_precision(const std::string& name) {
  if (name == "int8") {
    fail_usage("--precision int8 is for prediction; training takes fp32, bf16 or auto");
  }
  return parse_precision(name).type;
}

const char* precision_name(const Precision& precision) {
  if (precision.int8) return "int8";
  return precision.type == at::kFloat ? "fp32" : "bf16";
}

}  // namespace pals

#include "nn/precision.h"

#include <ATen/Context.h>

#include "base/cpu.h"
#include "base/error.h"
#include "base/text_util.h"
#include "nn/int8_weights.h"

namespace pals {
namespace {

at::ScalarType faster_type(at::Device device) {
  const CpuFeatures& cpu = cpu_features();
  return !device.is_cpu() || cpu.amx_bf16 || cpu.avx512_bf16 ? at::kBFloat16 : at::kFloat;
}

}  // namespace

Precision parse_precision(const std::string& name, at::Device device) {
  if (name == "fp32") return at::kFloat;
  if (name == "bf16") return at::kBFloat16;
  if (name == "auto") return faster_type(device);
  Precision precision;
  if (name == "fp16" || name == "tf32") {
    if (device.is_cpu()) {
      fail_usage("--precision ", name, " is for GPUs (--device cuda); on a processor take fp32, ",
                 "bf16 or auto");
    }
    if (name == "fp16") precision.type = at::kHalf;
    precision.tf32 = name == "tf32";
    return precision;
  }
  if (name != "int8") {
    fail_usage("--precision: ", quote(name),
               " is unknown, expected fp32, bf16, fp16, tf32, int8 or auto");
  }
  if (!device.is_cpu()) {
    fail_usage("--precision int8 is for processors (--device cpu); on a GPU take bf16, fp16, ",
               "tf32, fp32 or auto");
  }
  if (!Int8Weights::supported()) {
    fail_usage("--precision int8 needs a processor with AVX512-VNNI; take fp32, bf16 or auto");
  }
  precision.type = faster_type(device);
  precision.int8 = true;
  return precision;
}

Precision parse_training_precision(const std::string& name, at::Device device) {
  if (name == "int8") {
    fail_usage("--precision int8 is for prediction; training takes fp32, bf16 or auto");
  }
  return parse_precision(name, device);
}

const char* precision_name(const Precision& precision) {
  if (precision.int8) return "int8";
  if (precision.type == at::kHalf) return "fp16";
  if (precision.type == at::kBFloat16) return "bf16";
  return precision.tf32 ? "tf32" : "fp32";
}

void use_fp32_products_of(const Precision& precision) {
  using at::Float32Precision;
  at::globalContext().setFloat32Precision(
      at::Float32Backend::CUDA, at::Float32Op::MATMUL,
      precision.tf32 ? Float32Precision::TF32 : Float32Precision::IEEE);
}

}  // namespace pals

#include "modules/precision.h"

#include <ATen/Context.h>

#include "base/cpu.h"
#include "base/error.h"
#include "modules/int8_weights.h"
#include "modules/precision_choice.h"

namespace pals {
namespace {

at::ScalarType faster_type(at::Device device) {
  const CpuFeatures& cpu = cpu_features();
  return !device.is_cpu() || cpu.amx_bf16 || cpu.avx512_bf16 ? at::kBFloat16 : at::kFloat;
}

}  // namespace

Precision choose_precision(PrecisionChoice choice, at::Device device) {
  Precision precision;
  switch (choice) {
    case PrecisionChoice::kFloat:
      return at::kFloat;
    case PrecisionChoice::kBFloat16:
      return at::kBFloat16;
    case PrecisionChoice::kAuto:
      return faster_type(device);
    case PrecisionChoice::kHalf:
    case PrecisionChoice::kTf32:
      if (device.is_cpu()) {
        fail_usage("--precision ", name_of(choice), " is for GPUs (--device cuda); on a processor ",
                   "take fp32, bf16 or auto");
      }
      if (choice == PrecisionChoice::kHalf) precision.type = at::kHalf;
      precision.tf32 = choice == PrecisionChoice::kTf32;
      return precision;
    case PrecisionChoice::kInt8:
      break;
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

Precision choose_training_precision(PrecisionChoice choice, at::Device device) {
  if (choice == PrecisionChoice::kInt8) {
    fail_usage("--precision int8 is for prediction; training takes fp32, bf16 or auto");
  }
  return choose_precision(choice, device);
}

PrecisionChoice choice_of(const Precision& precision) {
  if (precision.int8) return PrecisionChoice::kInt8;
  if (precision.type == at::kHalf) return PrecisionChoice::kHalf;
  if (precision.type == at::kBFloat16) return PrecisionChoice::kBFloat16;
  return precision.tf32 ? PrecisionChoice::kTf32 : PrecisionChoice::kFloat;
}

const char* precision_name(const Precision& precision) { return name_of(choice_of(precision)); }

void use_fp32_products_of(const Precision& precision) {
  using at::Float32Precision;
  at::globalContext().setFloat32Precision(
      at::Float32Backend::CUDA, at::Float32Op::MATMUL,
      precision.tf32 ? Float32Precision::TF32 : Float32Precision::IEEE);
}

}  // namespace pals

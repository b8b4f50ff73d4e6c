// What the tests of the blocks share: cases over kernels (the CPU's for each instruction set,
// CUDA's on the emulator) and activation types, seeded random tensors, comparisons.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "kernels/backend.h"
#include "kernels/cpu_isa.h"
#include "kernels/cuda/emulator/blocks_elsewhere.h"
#include "kernels/cuda/emulator/emulated_blocks.h"
#include "kernels/load_accelerator.h"

namespace pals::testing {

/// Standard normal values, the same for the same seed.
inline at::Tensor random(at::IntArrayRef sizes, uint64_t seed) {
  at::Tensor values = at::empty(sizes, at::kFloat);
  float* out = values.mutable_data_ptr<float>();
  uint64_t state = seed * 0x9E3779B97F4A7C15ULL + 1;
  for (int64_t i = 0; i < values.numel(); ++i) {
    double sum = -2.0;
    for (int k = 0; k < 4; ++k) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      sum += static_cast<double>(state >> 11) / 9007199254740992.0;
    }
    out[i] = static_cast<float>(sum * 1.7320508);
  }
  return values;
}

/// Keys of `tokens` tokens of one row of text.
inline at::Tensor keys(int64_t tokens, int64_t row_id = 7) {
  at::Tensor result = at::empty({tokens}, at::kInt);
  for (int64_t t = 0; t < tokens; ++t) {
    result.mutable_data_ptr<int32_t>()[t] =
        static_cast<int32_t>(dropout_token_key(row_id, static_cast<int32_t>(t)));
  }
  return result;
}

inline at::Tensor ints(const std::vector<int32_t>& values) {
  at::Tensor result = at::empty({static_cast<int64_t>(values.size())}, at::kInt);
  std::copy(values.begin(), values.end(), result.mutable_data_ptr<int32_t>());
  return result;
}

/// A copy of a matrix inside wider rows: the same values, another row stride.
inline at::Tensor strided(const at::Tensor& x) {
  at::Tensor wide = at::full({x.size(0), x.size(1) + 5}, 77.0, x.options());
  at::Tensor view = wide.narrow(1, 3, x.size(1));
  view.copy_(x);
  return view;
}

/// A copy of the block and of its tensors, with numbers of floating point in double where
/// `widens`.
template <typename Block>
Block copy_of(Block block, bool widens) {
  const auto copy = [&](auto& field) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(field)>, at::Tensor>) {
      if (!field.defined()) return;
      const bool to_double = widens && field.is_floating_point();
      field = field.to(to_double ? at::kDouble : field.scalar_type(), false, true);
    }
  };
  block.fields([&](auto&... fields) { (copy(fields), ...); });
  return block;
}
template <typename Block>
Block in_double(const Block& block) {
  return copy_of(block, true);
}

/// The greatest difference is within `tolerance` of the greatest expected value (1 at least where
/// `floor` says so).
inline void expect_close(const at::Tensor& got, const at::Tensor& expected, double tolerance,
                         const std::string& what, double floor = 1e-3) {
  ASSERT_EQ(got.sizes(), expected.sizes()) << what;
  if (expected.numel() == 0) {
    return;
  }
  const at::Tensor want = expected.to(at::kDouble);
  const double difference = (got.to(at::kDouble) - want).abs().max().item<double>();
  const double size = std::max(floor, want.abs().max().item<double>());
  EXPECT_LE(difference / size, tolerance) << what;
  EXPECT_FALSE(std::isnan(difference)) << what;
}

/// The CUDA kernels' names among those of instruction sets: on the emulator, and on a GPU.
inline const std::string kCudaEmulated = "cuda_emulated";
inline const std::string kCuda = "cuda";

/// The GPU's accelerator; null where there is no GPU, or no library for it.
inline const Accelerator* gpu() {
  static const Accelerator* const found = [] {
    const Accelerator* accelerator = load_accelerator(usual_accelerator_files()).accelerator;
    return accelerator != nullptr && accelerator->device_count() > 0 ? accelerator : nullptr;
  }();
  return found;
}

/// Has the blocks of CPU tensors run on the kernels of that name; of no name: on the usual ones.
inline void use_kernels(const std::string& name) {
  const Backend* backend = &cpu::backend();
  if (name == kCudaEmulated) backend = &cuda_emulated_backend();
  if (name == kCuda) backend = &backend_elsewhere(at::Device(gpu()->type(), 0), gpu()->backend());
  set_backend(c10::DeviceType::CPU, backend);
  const bool is_isa = backend == &cpu::backend() && !name.empty();
  cpu::set_isa(is_isa ? name : cpu::available_isas().front());
}

/// All kernels that this machine can run.
inline std::vector<std::string> kernel_names() {
  std::vector<std::string> names = cpu::available_isas();
  names.push_back(kCudaEmulated);
  if (gpu() != nullptr) names.push_back(kCuda);
  return names;
}

inline bool is_cuda(const std::string& name) { return name == kCudaEmulated || name == kCuda; }

/// One case: kernels and a type of activations.
class KernelTest : public ::testing::TestWithParam<std::tuple<std::string, at::ScalarType>> {
 protected:
  void SetUp() override { use_kernels(std::get<0>(GetParam())); }
  void TearDown() override { use_kernels(""); }

  bool is_cuda() const { return testing::is_cuda(std::get<0>(GetParam())); }
  at::ScalarType type() const { return std::get<1>(GetParam()); }
  bool is_fp32() const { return type() == at::kFloat; }
  /// fp32: near the last bit, against doubles. Else: one rounding (of bf16), against the plain
  /// version in the same type.
  double tolerance() const { return is_fp32() ? 2e-6 : 8e-3; }
  /// What the plain version computes with: copies, in double for fp32.
  at::Tensor reference(const at::Tensor& x) const {
    return is_fp32() ? x.to(at::kDouble) : x.clone();
  }
  template <typename Block>
  Block reference(const Block& block) const {
    return copy_of(block, is_fp32());
  }
  at::Tensor act(at::IntArrayRef sizes, uint64_t seed) const {
    return strided(random(sizes, seed).to(type()));
  }
};

inline std::string case_name(
    const ::testing::TestParamInfo<std::tuple<std::string, at::ScalarType>>& info) {
  const at::ScalarType type = std::get<1>(info.param);
  const char* name = type == at::kFloat ? "_fp32" : type == at::kBFloat16 ? "_bf16" : "_fp16";
  return std::get<0>(info.param) + name;
}

/// Every kernel with the types that it knows.
inline auto all_kernels() {
  std::vector<std::tuple<std::string, at::ScalarType>> cases;
  for (const std::string& name : kernel_names()) {
    for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kHalf}) {
      if (type != at::kHalf || is_cuda(name)) cases.emplace_back(name, type);
    }
  }
  return ::testing::ValuesIn(cases);
}

}  // namespace pals::testing

#include "measure/products.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <tuple>

#include "kernels/device.h"

namespace pals {
namespace {

/// A matrix of each shape, made when it is first asked for. Factors and results are apart.
class Matrices {
 public:
  explicit Matrices(at::Device device) : device_(device) {}

  at::Tensor get(int64_t rows, int64_t columns, bool bf16, bool result) {
    at::Tensor& matrix = matrices_[{rows, columns, bf16, result}];
    if (!matrix.defined()) {
      matrix = at::randn({rows, columns}).to(device_, bf16 ? at::kBFloat16 : at::kFloat);
    }
    return matrix;
  }

 private:
  at::Device device_;
  std::map<std::tuple<int64_t, int64_t, bool, bool>, at::Tensor> matrices_;
};

}  // namespace

ProductReplay::ProductReplay(const std::vector<Product>& products, at::Device device)
    : device_(device) {
  const c10::InferenceMode inference_mode;
  Matrices matrices(device);
  for (const Product& product : products) {
    const auto get = [&](int64_t rows, int64_t columns, bool result = false) {
      return matrices.get(rows, columns, product.bf16, result);
    };
    const auto& [kind, tokens, in, out, bf16] = product;
    switch (kind) {
      case ProductKind::kForward:
        calls_.push_back({get(tokens, in), get(out, in).t(), get(tokens, out, true)});
        break;
      case ProductKind::kInputGradient:
        calls_.push_back({get(tokens, out), get(out, in), get(tokens, in, true)});
        break;
      case ProductKind::kWeightGradient:
        calls_.push_back({get(tokens, out).t(), get(tokens, in), get(out, in, true)});
        break;
    }
    flops_ += product.flops();
  }
}

double ProductReplay::run() {
  const c10::InferenceMode inference_mode;
  synchronize(device_);
  const auto start = std::chrono::steady_clock::now();
  for (Call& call : calls_) at::mm_out(call.result, call.a, call.b);
  synchronize(device_);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double large_product_speed(at::ScalarType type, at::Device device) {
  const c10::InferenceMode inference_mode;
  const int64_t size = device.is_cpu() ? 1024 : 8192;
  constexpr int kRepeats = 10, kRounds = 3;
  const auto matrix = [&] { return at::randn({size, size}).to(device, type); };
  const at::Tensor a = matrix(), b = matrix();
  at::Tensor result = at::mm(a, b);
  double best = 0.0;
  for (int round = 0; round < kRounds; ++round) {
    synchronize(device);
    const auto start = std::chrono::steady_clock::now();
    for (int repeat = 0; repeat < kRepeats; ++repeat) at::mm_out(result, a, b);
    synchronize(device);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    const double operations = 2.0 * kRepeats * std::pow(static_cast<double>(size), 3);
    best = std::max(best, operations / seconds.count());
  }
  return best;
}

}  // namespace pals

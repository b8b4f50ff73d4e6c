#include "kernels/backend.h"

#include <array>

namespace pals {
namespace {

constexpr auto kDeviceTypes = static_cast<size_t>(c10::COMPILE_TIME_MAX_DEVICE_TYPES);

std::array<const Backend*, kDeviceTypes>& backends() {
  static std::array<const Backend*, kDeviceTypes> by_type = [] {
    std::array<const Backend*, kDeviceTypes> initial{};
    initial[static_cast<size_t>(c10::DeviceType::CPU)] = &cpu::backend();
    return initial;
  }();
  return by_type;
}

}  // namespace

void set_backend(c10::DeviceType type, const Backend* backend) {
  backends()[static_cast<size_t>(type)] = backend;
}

const Backend& backend_for(const at::Tensor& x) {
  const Backend* backend = backends()[static_cast<size_t>(x.device().type())];
  const bool other_type = backend == &cpu::backend() && x.scalar_type() != at::kFloat &&
                          x.scalar_type() != at::kBFloat16;
  return backend == nullptr || other_type ? plain::backend() : *backend;
}

const Backend& cpu::backend() {
  static constexpr Backend kBackend = {PALS_KERNELS(PALS_TAKE_KERNEL)};
  return kBackend;
}

const Backend& plain::backend() {
  static constexpr Backend kBackend = {PALS_KERNELS(PALS_TAKE_KERNEL).joins_attention = true,
                                       .groups_dense = true};
  return kBackend;
}

}  // namespace pals

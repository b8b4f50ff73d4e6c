#include "simulated_blocks.h"

#include "kernels/device.h"
#include "kernels/mapped_block.h"
#include "simulated_memory.h"

namespace pals::testing {
namespace {

// A field as the CPU's kernels see it; whether it is of fp16.
bool bring(at::Tensor& x) {
  x = as_host(x);
  return x.defined() && x.scalar_type() == at::kHalf;
}
bool bring(Dropout& dropout) {
  if (dropout.device_key != nullptr) dropout.key = *dropout.device_key;
  return false;
}

template <auto kMember, typename Block>
void compute_on_host(const Block& block) {
  const Running running;
  bool any_half = false;
  const MappedBlock here(block, [&](auto& field) { any_half = bring(field) || any_half; });
  // CPU kernels do not know fp16.
  const Backend& backend = any_half ? plain::backend() : cpu::backend();
  (backend.*kMember)(here.block());
}

}  // namespace

const Backend& simulated_backend() {
#define PALS_ON_HOST(name, Block) .name = compute_on_host<&Backend::name, Block>,
  static constexpr Backend kBackend = {PALS_KERNELS(PALS_ON_HOST).joins_attention = true,
                                       .groups_dense = true};
#undef PALS_ON_HOST
  return kBackend;
}

}  // namespace pals::testing

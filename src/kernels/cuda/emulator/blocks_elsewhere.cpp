#include "kernels/cuda/emulator/blocks_elsewhere.h"

#include <utility>
#include <vector>

#include "kernels/mapped_block.h"

namespace pals {
namespace {

at::Device g_device = at::kCPU;
const Backend* g_backend = nullptr;

/// The tensors of one block.
class Trip {
 public:
  /// Tensors at one place stay at one: a block works in place there as well.
  void send(at::Tensor& x) {
    if (!x.defined()) return;
    for (const auto& [here, there] : sent_) {
      if (x.const_data_ptr() == here.const_data_ptr() && x.sizes() == here.sizes() &&
          x.strides() == here.strides() && x.scalar_type() == here.scalar_type()) {
        x = there;
        return;
      }
    }
    at::Tensor there = at::empty_strided(x.sizes(), x.strides(), x.options().device(g_device));
    there.copy_(x);
    sent_.emplace_back(x, there);
    x = std::move(there);
  }
  void send(Dropout& /*dropout*/) {}

  /// What was written lies in memory that is nobody else's, so that all may come back.
  void finish() const {
    for (const auto& [here, there] : sent_) here.copy_(there);
  }

 private:
  std::vector<std::pair<at::Tensor, at::Tensor>> sent_;
};

template <auto kMember, typename Block>
void compute_elsewhere(const Block& block) {
  Trip trip;
  const testing::MappedBlock there(block, [&](auto& field) { trip.send(field); });
  (g_backend->*kMember)(there.block());
  trip.finish();
}

}  // namespace

const Backend& backend_elsewhere(at::Device device, const Backend& backend) {
  static Backend elsewhere;
#define PALS_ELSEWHERE(name, Block) elsewhere.name = compute_elsewhere<&Backend::name, Block>;
  PALS_KERNELS(PALS_ELSEWHERE)
#undef PALS_ELSEWHERE
  elsewhere.joins_attention = backend.joins_attention;
  elsewhere.groups_dense = backend.groups_dense;
  g_device = device;
  g_backend = &backend;
  return elsewhere;
}

}  // namespace pals

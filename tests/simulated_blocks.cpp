#include "simulated_blocks.h"

#include <list>
#include <vector>

#include "kernels/device.h"
#include "simulated_memory.h"

namespace pals::testing {
namespace {

// A block's fields as the CPU's kernels see them.
class OnHost {
 public:
  void operator()(auto&... fields) { (bring(fields), ...); }

  // CPU kernels do not know fp16.
  const Backend& backend() const { return any_half_ ? plain::backend() : cpu::backend(); }

 private:
  void bring(at::Tensor& x) {
    any_half_ = any_half_ || (x.defined() && x.scalar_type() == at::kHalf);
    x = as_host(x);
  }
  void bring(Dropout& dropout) {
    if (dropout.device_key != nullptr) dropout.key = *dropout.device_key;
  }
  void bring(AttentionRows& rows) { rows.fields(*this); }
  // The caller's stay as they are.
  void bring(std::span<AttentionHeads>& heads) {
    std::vector<AttentionHeads>& own = heads_.emplace_back(heads.begin(), heads.end());
    for (AttentionHeads& each : own) each.fields(*this);
    heads = own;
  }

  bool any_half_ = false;
  std::list<std::vector<AttentionHeads>> heads_;
};

template <auto kMember, typename Block>
void compute_on_host(const Block& block) {
  const Running running;
  OnHost on_host;
  Block here = block;
  here.fields(on_host);
  (on_host.backend().*kMember)(here);
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

#include "kernels/upload.h"

#include <algorithm>
#include <cstring>

namespace pals {
namespace {

constexpr int64_t kAlignment = 64;

}  // namespace

Upload::Upload(at::Device device, int64_t bytes) : device_(device) { add_block(bytes); }

Upload::Upload(const at::Tensor& target) : device_(target.device()) {
  TORCH_CHECK(!device_.is_cpu(), "Upload: into memory of the CPU");
  add_block(target.numel(), target);
}

void Upload::add_block(int64_t bytes, const at::Tensor& target) {
  Block block;
  const auto options = at::TensorOptions(at::kByte);
  block.host = at::empty({bytes}, options.pinned_memory(device_.is_cuda()));
  block.device = target;
  if (!target.defined()) {
    block.device = device_.is_cpu() ? block.host : at::empty({bytes}, options.device(device_));
  }
  blocks_.push_back(std::move(block));
}

at::Tensor Upload::add(const void* values, int64_t count, at::ScalarType type) {
  TORCH_CHECK(!sent_, "Upload: added after it was sent");
  const auto bytes = count * static_cast<int64_t>(c10::elementSize(type));
  int64_t first = (blocks_.back().used + kAlignment - 1) / kAlignment * kAlignment;
  if (first + bytes > blocks_.back().host.numel()) {
    add_block(std::max(bytes, blocks_.back().host.numel()));
    first = 0;
  }
  Block& block = blocks_.back();
  if (bytes > 0)
    std::memcpy(block.host.mutable_data_ptr<uint8_t>() + first, values, static_cast<size_t>(bytes));
  block.used = first + bytes;
  return block.device.narrow(0, first, bytes).view(type);
}

void Upload::send() {
  sent_ = true;
  if (device_.is_cpu()) return;
  for (const Block& block : blocks_) {
    block.device.narrow(0, 0, block.used).copy_(block.host.narrow(0, 0, block.used), true);
  }
}

}  // namespace pals

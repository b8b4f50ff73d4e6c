#include "nn/cuda/adam_layout.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <list>
#include <mutex>

namespace pals::cuda {
namespace {

/// Memory of the host that a device copies from without waiting, where it is not the device itself.
at::Tensor host_tensor(at::IntArrayRef sizes, at::ScalarType type, at::Device device) {
  return at::empty(sizes, at::TensorOptions(type).pinned_memory(!device.is_cpu()));
}

}  // namespace

AdamLayout::AdamLayout(const std::vector<AdamRange>& ranges, at::Device device) {
  const c10::InferenceMode ordinary_tensors(false);  // they outlive the caller's mode
  std::vector<AdamChunk> chunks;
  std::vector<int64_t> first_chunk = {0};
  for (const AdamRange& range : ranges) {
    places_.emplace_back(range.offset, range.numel);
    for (int64_t done = 0; done < range.numel; done += kAdamChunk) {
      chunks.push_back({range.offset + done,
                        static_cast<int32_t>(std::min(kAdamChunk, range.numel - done)),
                        static_cast<int32_t>(first_chunk.size()) - 1});
    }
    first_chunk.push_back(static_cast<int64_t>(chunks.size()));
  }
  const auto num_chunks = static_cast<int64_t>(chunks.size());
  const auto num_ranges = static_cast<int64_t>(ranges.size());
  static_assert(sizeof(AdamChunk) == 2 * sizeof(int64_t));
  const auto send = [&](const void* data, at::IntArrayRef sizes) {
    return at::from_blob(const_cast<void*>(data), sizes, at::kLong).clone().to(device);
  };
  chunks_ = send(chunks.data(), {num_chunks, 2});
  first_chunk_ = send(first_chunk.data(), {num_ranges + 1});
  const auto options = at::TensorOptions(at::kFloat).device(device);
  rates_ = at::zeros({num_ranges, 2}, options);
  squares_ = at::zeros({num_chunks}, options);
  clips_ = at::zeros({num_ranges}, options);
}

bool AdamLayout::fits(const std::vector<AdamRange>& ranges, at::Device device) const {
  return device == rates_.device() &&
         std::ranges::equal(places_, ranges, [](const auto& place, const AdamRange& range) {
           return place.first == range.offset && place.second == range.numel;
         });
}

void AdamLayout::describe(AdamArgs& args) const {
  args.chunks = static_cast<const AdamChunk*>(chunks_.const_data_ptr());
  args.num_chunks = chunks_.size(0);
  args.first_chunk = first_chunk_.const_data_ptr<int64_t>();
  args.num_ranges = rates_.size(0);
  args.rates = rates_.const_data_ptr<float>();
  args.squares = squares_.mutable_data_ptr<float>();
  args.clips = clips_.mutable_data_ptr<float>();
}

// The host's copy is a new one each time: the allocator of such memory gives it out again only when
// the copies from it are done.
void AdamLayout::send_rates(const std::vector<AdamRange>& ranges) const {
  const at::Tensor host = host_tensor(rates_.sizes(), at::kFloat, rates_.device());
  float* out = host.mutable_data_ptr<float>();
  for (const AdamRange& range : ranges) {
    *out++ = range.learning_rate;
    *out++ = range.weight_decay;
  }
  rates_.copy_(host, /*non_blocking=*/true);
}

const AdamLayout& adam_layout(const std::vector<AdamRange>& ranges, at::Device device) {
  static std::mutex mutex;
  static std::list<AdamLayout> layouts;
  const std::lock_guard<std::mutex> lock(mutex);
  for (const AdamLayout& layout : layouts) {
    if (layout.fits(ranges, device)) return layout;
  }
  return layouts.emplace_back(ranges, device);
}

}  // namespace pals::cuda

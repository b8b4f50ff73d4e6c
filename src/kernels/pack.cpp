#include "kernels/pack.h"

#include <cstring>

namespace pals {

std::vector<AdamRange> ranges_of(const BertAdam& block) {
  if (!block.packed_ranges.defined()) return {block.ranges.begin(), block.ranges.end()};
  const at::Tensor here = block.packed_ranges.cpu();
  std::vector<PackedRange> packed(static_cast<size_t>(here.numel() / kPackedRangeWords));
  if (!packed.empty()) std::memcpy(packed.data(), here.const_data_ptr(), here.nbytes());
  std::vector<AdamRange> ranges;
  for (const PackedRange& next : packed) ranges.push_back(next.range);
  TORCH_CHECK(packed_ranges_size(ranges).chunks <= block.chunks, "packed ranges: more than ",
              block.chunks, " chunks");
  check_ranges(ranges, block.weights.numel());
  return ranges;
}

}  // namespace pals

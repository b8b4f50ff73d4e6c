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
  check_ranges(block, ranges);
  return ranges;
}

ShadowedWeights shadowed_weights(const BertAdam& block, const AdamRange& range) {
  const at::Tensor weights = block.weights.narrow(0, range.offset, range.numel);
  const int64_t begin = range.offset + range.shadow_shift;
  if (range.columns == 0) return {weights, block.shadow.narrow(0, begin, range.numel)};
  const at::Tensor rows = weights.view({-1, range.columns});
  return {rows, block.shadow.as_strided(rows.sizes(), {range.shadow_stride, 1}, begin)};
}

}  // namespace pals

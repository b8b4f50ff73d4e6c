#include "batch/packed_batch.h"

#include <algorithm>

#include "base/error.h"

namespace pals {

void PackedBatch::append(int task, int64_t row_id, const int32_t* ids, const int32_t* types,
                         int64_t length, int32_t label, float value) {
  if (cu_seqlens.empty()) cu_seqlens.push_back(0);
  const int64_t row = num_rows();
  const int64_t first_token = num_tokens();
  if (segments.empty() || segments.back().task != task) {
    if (!segments.empty() && segments.back().task > task) {
      throw std::logic_error("PackedBatch::append: rows must be sorted by task");
    }
    segments.push_back({task, row, row, first_token, first_token});
  }
  token_ids.insert(token_ids.end(), ids, ids + length);
  token_type_ids.insert(token_type_ids.end(), types, types + length);
  for (int64_t i = 0; i < length; ++i) position_ids.push_back(static_cast<int32_t>(i));
  cu_seqlens.push_back(static_cast<int32_t>(first_token + length));
  max_seqlen = std::max(max_seqlen, length);
  segments.back().last_row = row + 1;
  segments.back().last_token = first_token + length;
  row_ids.push_back(row_id);
  labels.push_back(label);
  values.push_back(value);
}

}  // namespace pals

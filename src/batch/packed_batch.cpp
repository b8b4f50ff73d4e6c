#include "batch/packed_batch.h"

#include <algorithm>
#include <stdexcept>

namespace pals {

void PackedBatch::append(int task, int64_t row_id, const int32_t* ids, const int32_t* types,
                         int64_t length, std::span<const float> example_targets) {
  const int64_t row = num_rows();
  const int64_t token = num_tokens();
  const int64_t example = num_examples();
  if (segments.empty() || segments.back().task != task) {
    if (!segments.empty() && segments.back().task > task) {
      throw std::logic_error("PackedBatch::append: rows must be sorted by task");
    }
    segments.push_back({task, row, row, token, token, example, example});
  }
  if (group_offsets.empty()) {
    group_offsets.push_back(0);
    target_offsets.push_back(0);
  }
  group_offsets.push_back(row);
  targets.insert(targets.end(), example_targets.begin(), example_targets.end());
  target_offsets.push_back(static_cast<int64_t>(targets.size()));
  segments.back().last_example = example + 1;
  append_row(row_id, ids, types, length);
}

void PackedBatch::append_choice(int64_t row_id, const int32_t* ids, const int32_t* types,
                                int64_t length) {
  if (num_examples() == 0)
    throw std::logic_error("PackedBatch::append_choice: no example to add to");
  append_row(row_id, ids, types, length);
}

void PackedBatch::teach(std::span<const float> logits) {
  if (num_examples() == 0) throw std::logic_error("PackedBatch::teach: no example");
  const auto before = static_cast<int64_t>(taught.size());
  taught_offsets.resize(static_cast<size_t>(num_examples()), before);
  taught.insert(taught.end(), logits.begin(), logits.end());
  taught_offsets.push_back(static_cast<int64_t>(taught.size()));
}

void PackedBatch::append_row(int64_t row_id, const int32_t* ids, const int32_t* types,
                             int64_t length) {
  const int64_t first_token = num_tokens();
  if (cu_seqlens.empty()) cu_seqlens.push_back(0);
  token_ids.insert(token_ids.end(), ids, ids + length);
  token_type_ids.insert(token_type_ids.end(), types, types + length);
  for (int64_t i = 0; i < length; ++i) position_ids.push_back(static_cast<int32_t>(i));
  cu_seqlens.push_back(static_cast<int32_t>(first_token + length));
  max_seqlen = std::max(max_seqlen, length);
  row_ids.push_back(row_id);
  group_offsets.back() = num_rows();
  segments.back().last_row = num_rows();
  segments.back().last_token = first_token + length;
}

}  // namespace pals

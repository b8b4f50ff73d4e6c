#include "batch/split_batch.h"

#include <algorithm>
#include <numeric>

namespace pals {
namespace {

int64_t first_token(const PackedBatch& batch, int64_t row) {
  return batch.cu_seqlens[static_cast<size_t>(row)];
}

int64_t first_row(const PackedBatch& batch, int64_t example) {
  return batch.group_offsets[static_cast<size_t>(example)];
}

int64_t tokens_of(const PackedBatch& batch, int64_t example) {
  return first_token(batch, first_row(batch, example + 1)) -
         first_token(batch, first_row(batch, example));
}

}  // namespace

std::vector<std::vector<int64_t>> split_examples(const PackedBatch& batch, int parts) {
  std::vector<int64_t> order(static_cast<size_t>(batch.num_examples()));
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return tokens_of(batch, a) > tokens_of(batch, b); });
  std::vector<std::vector<int64_t>> shares(static_cast<size_t>(parts));
  std::vector<int64_t> tokens(shares.size());
  for (const int64_t example : order) {
    const auto least = std::min_element(tokens.begin(), tokens.end());
    *least += tokens_of(batch, example);
    shares[static_cast<size_t>(least - tokens.begin())].push_back(example);
  }
  for (std::vector<int64_t>& share : shares) std::sort(share.begin(), share.end());
  return shares;
}

PackedBatch take_examples(const PackedBatch& batch, const std::vector<int64_t>& examples) {
  PackedBatch taken;
  taken.teacher_weight = batch.teacher_weight;
  auto segment = batch.segments.begin();
  for (const int64_t example : examples) {
    while (example >= segment->last_example) ++segment;
    const int64_t first = first_row(batch, example);
    for (int64_t row = first; row < first_row(batch, example + 1); ++row) {
      const int64_t token = first_token(batch, row);
      const int64_t length = first_token(batch, row + 1) - token;
      const int32_t* ids = batch.token_ids.data() + token;
      const int32_t* types = batch.token_type_ids.data() + token;
      const int64_t row_id = batch.row_ids[static_cast<size_t>(row)];
      if (row == first) {
        taken.append(segment->task, row_id, ids, types, length, batch.targets_of(example));
      } else {
        taken.append_choice(row_id, ids, types, length);
      }
    }
    if (const auto taught = batch.taught_of(example); !taught.empty()) taken.teach(taught);
  }
  return taken;
}

}  // namespace pals

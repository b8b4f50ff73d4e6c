#include "nn/pass.h"

namespace pals {
namespace {

at::Tensor view_of(const std::vector<int32_t>& values) {
  return at::from_blob(const_cast<int32_t*>(values.data()), {static_cast<int64_t>(values.size())},
                       at::kInt);
}

}  // namespace

Dropout Pass::hidden_dropout(int layer, DropoutSite site) const {
  if (dropout.hidden <= 0.0F) return {};
  return {dropout.hidden,
          dropout_key(dropout.seed, dropout.step,
                      static_cast<uint32_t>(layer) * uint32_t{kDropoutPlaces} + uint32_t{site})};
}

Dropout Pass::attention_dropout(int layer, DropoutSite site) const {
  if (dropout.attention <= 0.0F) return {};
  return {dropout.attention,
          dropout_key(dropout.seed, dropout.step,
                      static_cast<uint32_t>(layer) * uint32_t{kDropoutPlaces} + uint32_t{site})};
}

Pass Pass::slice(const Segment& segment) const {
  Pass part = *this;
  const int64_t num_rows = segment.last_row - segment.first_row;
  part.rows.cu_seqlens = rows.cu_seqlens.narrow(0, segment.first_row, num_rows + 1);
  part.rows.token_keys =
      rows.token_keys.narrow(0, segment.first_token, segment.last_token - segment.first_token);
  return part;
}

BatchTensors::BatchTensors(const PackedBatch& batch)
    : token_ids(view_of(batch.token_ids)),
      token_type_ids(view_of(batch.token_type_ids)),
      position_ids(view_of(batch.position_ids)) {
  rows.cu_seqlens = view_of(batch.cu_seqlens);
  rows.max_seqlen = batch.max_seqlen;
  rows.token_keys = at::empty({batch.num_tokens()}, at::kInt);
  auto* keys = rows.token_keys.data_ptr<int32_t>();
  for (int64_t row = 0; row < batch.num_rows(); ++row) {
    const int32_t first = batch.cu_seqlens[static_cast<size_t>(row)];
    const int32_t last = batch.cu_seqlens[static_cast<size_t>(row) + 1];
    for (int32_t token = first; token < last; ++token) {
      keys[token] = static_cast<int32_t>(
          dropout_token_key(batch.row_ids[static_cast<size_t>(row)], token - first));
    }
  }
}

}  // namespace pals

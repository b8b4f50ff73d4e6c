#include "nn/pass.h"

namespace pals {
namespace {

at::Tensor view_of(const std::vector<int32_t>& values) {
  return at::from_blob(const_cast<int32_t*>(values.data()), {static_cast<int64_t>(values.size())},
                       at::kInt);
}

// The part of x [offsets of the last row, ...] that belongs to the segment's rows.
at::Tensor part_of(const at::Tensor& x, const at::Tensor& offsets, const Segment& segment) {
  const int32_t* cu = offsets.const_data_ptr<int32_t>();
  return x.narrow(0, cu[segment.first_row] - cu[0], cu[segment.last_row] - cu[segment.first_row]);
}

at::Tensor rows_of(const at::Tensor& offsets, const Segment& segment) {
  return offsets.narrow(0, segment.first_row, segment.last_row - segment.first_row + 1);
}

// Where the queries stand among the tokens: [Q] int64.
at::Tensor query_positions(const AttentionRows& rows) {
  const int32_t* cu = rows.cu_seqlens.const_data_ptr<int32_t>();
  const int32_t* cu_queries = rows.cu_queries.const_data_ptr<int32_t>();
  const int64_t num_rows = rows.cu_seqlens.numel() - 1;
  at::Tensor positions = at::empty({cu_queries[num_rows] - cu_queries[0]}, at::kLong);
  int64_t* position = positions.mutable_data_ptr<int64_t>();
  for (int64_t row = 0; row < num_rows; ++row) {
    for (int64_t i = 0; i < cu_queries[row + 1] - cu_queries[row]; ++i) {
      *position++ = cu[row] - cu[0] + i;
    }
  }
  return positions;
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

Pass Pass::of_all_tokens() const {
  Pass all = *this;
  all.rows.cu_queries = at::Tensor();
  all.rows.query_keys = at::Tensor();
  return all;
}

Pass Pass::of_queries() const {
  if (!narrowed()) return *this;
  Pass inner = of_all_tokens();
  inner.rows.cu_seqlens = rows.cu_queries;
  inner.rows.token_keys = rows.query_keys;
  return inner;
}

at::Tensor Pass::queries(const at::Tensor& x) const {
  return narrowed() ? x.index_select(0, query_positions(rows)) : x;
}

void Pass::add_to_queries(at::Tensor& x, const at::Tensor& y) const {
  if (narrowed()) {
    x.index_add_(0, query_positions(rows), y);
  } else {
    x.add_(y);
  }
}

at::Tensor Pass::tokens_of(const at::Tensor& x, const Segment& segment) const {
  return part_of(x, rows.cu_seqlens, segment);
}

at::Tensor Pass::queries_of(const at::Tensor& y, const Segment& segment) const {
  return part_of(y, narrowed() ? rows.cu_queries : rows.cu_seqlens, segment);
}

Pass Pass::slice(const Segment& segment) const {
  Pass part = *this;
  part.rows.cu_seqlens = rows_of(rows.cu_seqlens, segment);
  part.rows.token_keys = tokens_of(rows.token_keys, segment);
  if (narrowed()) {
    part.rows.cu_queries = rows_of(rows.cu_queries, segment);
    part.rows.query_keys = queries_of(rows.query_keys, segment);
  }
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

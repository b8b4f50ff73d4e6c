#include "modules/pass.h"

#include <algorithm>

namespace pals {
namespace {

at::Tensor host_tensor(const std::vector<int32_t>& values) {
  return at::from_blob(const_cast<int32_t*>(values.data()), {static_cast<int64_t>(values.size())},
                       at::kInt)
      .clone();
}

// The first and the last place that belong to the segment's rows, by offsets [B + 1] on the host.
struct Places {
  int64_t first, count;
};

Places places_of(const at::Tensor& offsets, const Segment& segment) {
  const int32_t* cu = offsets.const_data_ptr<int32_t>();
  return {cu[segment.first_row] - cu[0], cu[segment.last_row] - cu[segment.first_row]};
}

at::Tensor part_of(const at::Tensor& x, const Places& places) {
  return x.narrow(0, places.first, places.count);
}

at::Tensor rows_of(const at::Tensor& offsets, const Segment& segment) {
  return offsets.narrow(0, segment.first_row, segment.last_row - segment.first_row + 1);
}

std::vector<int32_t> token_keys(const PackedBatch& batch) {
  std::vector<int32_t> keys;
  keys.reserve(batch.token_ids.size());
  for (size_t row = 0; row < batch.row_ids.size(); ++row) {
    for (int32_t i = 0; i < batch.cu_seqlens[row + 1] - batch.cu_seqlens[row]; ++i) {
      keys.push_back(static_cast<int32_t>(dropout_token_key(batch.row_ids[row], i)));
    }
  }
  return keys;
}

// The tokens that are read, row by row.
struct Queries {
  std::vector<int32_t> cu_queries = {0}, keys;
  std::vector<int64_t> positions;
};

Queries find_queries(const PackedBatch& batch, const std::vector<int32_t>& keys,
                     const ReadsTokens& reads_tokens) {
  Queries queries;
  for (const Segment& segment : batch.segments) {
    const bool all = reads_tokens(segment);
    for (int64_t row = segment.first_row; row < segment.last_row; ++row) {
      const int32_t first = batch.cu_seqlens[static_cast<size_t>(row)];
      const int32_t last = all ? batch.cu_seqlens[static_cast<size_t>(row) + 1] : first + 1;
      for (int32_t token = first; token < last; ++token) {
        queries.positions.push_back(token);
        queries.keys.push_back(keys[static_cast<size_t>(token)]);
      }
      queries.cu_queries.push_back(static_cast<int32_t>(queries.positions.size()));
    }
  }
  return queries;
}

}  // namespace

std::vector<int64_t> dropout_keys(uint64_t seed, uint64_t step, int layers) {
  std::vector<int64_t> keys;
  const auto places = static_cast<uint32_t>(layers) * uint32_t{kDropoutPlaces};
  for (uint32_t place = 0; place < places; ++place) {
    keys.push_back(static_cast<int64_t>(dropout_key(seed, step, place)));
  }
  return keys;
}

Dropout Pass::dropout_at(float p, int layer, DropoutSite site) const {
  if (p <= 0.0F) return {};
  const uint32_t place = static_cast<uint32_t>(layer) * uint32_t{kDropoutPlaces} + uint32_t{site};
  const at::Tensor& keys = dropout.device_keys;
  if (!keys.defined()) return {p, dropout_key(dropout.seed, dropout.step, place)};
  TORCH_CHECK(place < keys.numel(), "dropout: place ", place, " of ", keys.numel());
  return {p, 0, reinterpret_cast<const uint64_t*>(keys.const_data_ptr<int64_t>()) + place};
}

Dropout Pass::hidden_dropout(int layer, DropoutSite site) const {
  return dropout_at(dropout.hidden, layer, site);
}

Dropout Pass::attention_dropout(int layer, DropoutSite site) const {
  return dropout_at(dropout.attention, layer, site);
}

Pass Pass::of_all_tokens() const {
  Pass all = *this;
  all.rows.cu_queries = all.rows.query_keys = at::Tensor();
  all.rows.host_cu_queries = all.rows.query_positions = at::Tensor();
  return all;
}

Pass Pass::of_queries() const {
  if (!narrowed()) return *this;
  Pass inner = of_all_tokens();
  inner.rows.cu_seqlens = rows.cu_queries;
  inner.rows.host_cu_seqlens = rows.host_cu_queries;
  inner.rows.token_keys = rows.query_keys;
  return inner;
}

at::Tensor Pass::queries(const at::Tensor& x) const {
  if (!narrowed()) return x;
  at::Tensor chosen = empty_activation({num_queries(), x.size(1)}, x.options());
  return at::index_select_out(chosen, x, 0, rows.query_positions);
}

void Pass::add_to_queries(at::Tensor& x, const at::Tensor& y) const {
  if (narrowed()) {
    x.index_add_(0, rows.query_positions, y);
  } else {
    x.add_(y);
  }
}

at::Tensor Pass::tokens_of(const at::Tensor& x, const Segment& segment) const {
  return part_of(x, places_of(rows.host_cu_seqlens, segment));
}

at::Tensor Pass::queries_of(const at::Tensor& y, const Segment& segment) const {
  return part_of(y, places_of(narrowed() ? rows.host_cu_queries : rows.host_cu_seqlens, segment));
}

Pass Pass::of_folded() const {
  Pass inner{*folded, type, rows, dropout, tape};
  inner.segments = segments;
  return inner;
}

Pass Pass::of_task(const TaskParameters* own) const {
  Pass inner{own != nullptr ? own->arena : arena, type, rows, dropout, tape};
  inner.segments = segments;
  inner.recompute = recompute;
  inner.int8 = own != nullptr ? own->int8.get() : int8;
  inner.packed = own != nullptr ? own->packed.get() : packed;
  inner.folded = own != nullptr ? own->folded.get() : folded;
  return inner;
}

Pass Pass::slice(const Segment& segment) const {
  Pass part = *this;
  part.terms = nullptr;
  part.rows.cu_seqlens = rows_of(rows.cu_seqlens, segment);
  part.rows.host_cu_seqlens = rows_of(rows.host_cu_seqlens, segment);
  part.rows.token_keys = tokens_of(rows.token_keys, segment);
  if (narrowed()) {
    part.rows.cu_queries = rows_of(rows.cu_queries, segment);
    part.rows.host_cu_queries = rows_of(rows.host_cu_queries, segment);
    part.rows.query_keys = queries_of(rows.query_keys, segment);
    // Counted from the segment's first token.
    part.rows.query_positions =
        queries_of(rows.query_positions, segment) - places_of(rows.host_cu_seqlens, segment).first;
  }
  return part;
}

BatchTensors::BatchTensors(const PackedBatch& batch, Upload& upload,
                           const ReadsTokens& reads_tokens)
    : token_ids(upload.add(batch.token_ids)),
      token_type_ids(upload.add(batch.token_type_ids)),
      position_ids(upload.add(batch.position_ids)) {
  const std::vector<int32_t> keys = token_keys(batch);
  rows.cu_seqlens = upload.add(batch.cu_seqlens);
  rows.host_cu_seqlens = host_tensor(batch.cu_seqlens);
  rows.max_seqlen = batch.max_seqlen;
  rows.token_keys = upload.add(keys);
  const std::vector<int32_t>* offsets = &batch.cu_seqlens;
  Queries queries;
  if (reads_tokens && !std::ranges::all_of(batch.segments, reads_tokens)) {
    queries = find_queries(batch, keys, reads_tokens);
    rows.cu_queries = upload.add(queries.cu_queries);
    rows.host_cu_queries = host_tensor(queries.cu_queries);
    rows.query_keys = upload.add(queries.keys);
    rows.query_positions = upload.add(queries.positions);
    offsets = &queries.cu_queries;
  }
  std::vector<int64_t> first;
  std::vector<int32_t> keys_of_first;
  for (size_t row = 0; row < batch.row_ids.size(); ++row) {
    first.push_back((*offsets)[row]);
    keys_of_first.push_back(keys[static_cast<size_t>(batch.cu_seqlens[row])]);
  }
  first_queries = upload.add(first);
  first_keys = upload.add(keys_of_first);
}

// Of a token five numbers of 32 bits and one of 64, and twice one of 64 for the losses; some more
// of a row. It need not be exact.
int64_t upload_bytes(int64_t rows, int64_t tokens) {
  constexpr int64_t kOfToken = 48, kOfRow = 128, kEdges = 4096;
  return kOfToken * tokens + kOfRow * rows + kEdges;
}

}  // namespace pals

#include "batch/filler.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

namespace pals {
namespace {

constexpr int64_t kRows = 8, kFewTokens = 64, kManyTokens = 256, kMany = 2048, kShortest = 32;

int64_t rounded_up(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace

BatchSize filled_size(const PackedBatch& batch) {
  BatchSize size;
  size.rows = rounded_up(batch.num_rows(), kRows) + 1;
  const int64_t fillers = size.rows - batch.num_rows();
  const int64_t least = batch.num_tokens() + fillers;  // a row has a token
  size.tokens = rounded_up(least, least < kMany ? kFewTokens : kManyTokens);
  const int64_t filler = size.tokens - batch.num_tokens();
  const int64_t longest = std::max({batch.max_seqlen, (filler + fillers - 1) / fillers, kShortest});
  size.longest = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(longest)));
  return size;
}

PackedBatch with_filler(const PackedBatch& batch, const BatchSize& size) {
  if (batch.segments.size() != 1) throw std::logic_error("with_filler: a batch of one task");
  PackedBatch filled = batch;
  const int64_t fillers = size.rows - batch.num_rows();
  int64_t left = size.tokens - batch.num_tokens();
  if (left < fillers) throw std::logic_error("with_filler: too many tokens for this size");
  filled.token_ids.resize(static_cast<size_t>(size.tokens), 0);
  filled.token_type_ids.resize(static_cast<size_t>(size.tokens), 0);
  filled.position_ids.resize(static_cast<size_t>(size.tokens), 0);
  for (int64_t filler = fillers; filler > 0; --filler) {
    const int64_t length = left / filler;
    left -= length;
    filled.cu_seqlens.push_back(static_cast<int32_t>(size.tokens - left));
    filled.row_ids.push_back(-1);
  }
  filled.max_seqlen = size.longest;
  filled.segments.front().last_row = size.rows;
  filled.segments.front().last_token = size.tokens;
  return filled;
}

}  // namespace pals

// The packed batch: rows of any length laid end to end, without padding.
#pragma once

#include <cstdint>
#include <vector>

namespace pals {

/// Consecutive rows of one task. Rows of a batch are sorted by task.
struct Segment {
  int task = 0;
  int64_t first_row = 0, last_row = 0;      ///< rows [first_row, last_row)
  int64_t first_token = 0, last_token = 0;  ///< tokens [first_token, last_token)
};

/// B rows of S tokens together; S is the sum of the B lengths.
struct PackedBatch {
  std::vector<int32_t> token_ids;       ///< [S]
  std::vector<int32_t> token_type_ids;  ///< [S]
  std::vector<int32_t> position_ids;    ///< [S], from 0 in each row
  std::vector<int32_t> cu_seqlens;      ///< [B+1], cu_seqlens[b] is row b's first token
  int64_t max_seqlen = 0;
  std::vector<Segment> segments;  ///< in order, covering all rows
  std::vector<int64_t> row_ids;   ///< [B] where a row stands in the caller's order
  std::vector<int32_t> labels;    ///< [B] class indices (-1: none)
  std::vector<float> values;      ///< [B] regression targets

  int64_t num_rows() const { return static_cast<int64_t>(row_ids.size()); }
  int64_t num_tokens() const { return static_cast<int64_t>(token_ids.size()); }

  /// Appends one row. Rows must come sorted by task.
  void append(int task, int64_t row_id, const int32_t* ids, const int32_t* types, int64_t length,
              int32_t label, float value);
};

}  // namespace pals

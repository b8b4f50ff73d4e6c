// The packed batch: rows of any length laid end to end, without padding.
#pragma once

#include <cstdint>
#include <vector>

namespace pals {

/// What the head is to learn of one example. Which members count is a matter of the task's kind.
struct Target {
  int32_t label = -1;            ///< the class, or in multiple choice the right choice; -1: none
  float value = 0.0F;            ///< regression
  int32_t start = -1, end = -1;  ///< span: tokens of the row; -1: none

  bool operator==(const Target&) const = default;
};

/// Consecutive rows of one task. Rows of a batch are sorted by task.
struct Segment {
  int task = 0;
  int64_t first_row = 0, last_row = 0;          ///< rows [first_row, last_row)
  int64_t first_token = 0, last_token = 0;      ///< tokens [first_token, last_token)
  int64_t first_example = 0, last_example = 0;  ///< examples [first_example, last_example)
};

/// B rows of S tokens together; S is the sum of the B lengths. An example is one row, or, in
/// multiple choice, a group of them: a row for each choice of a question.
struct PackedBatch {
  std::vector<int32_t> token_ids;       ///< [S]
  std::vector<int32_t> token_type_ids;  ///< [S]
  std::vector<int32_t> position_ids;    ///< [S], from 0 in each row
  std::vector<int32_t> cu_seqlens;      ///< [B+1], cu_seqlens[b] is row b's first token
  int64_t max_seqlen = 0;
  std::vector<Segment> segments;       ///< in order, covering all rows
  std::vector<int64_t> row_ids;        ///< [B] where a row stands in the caller's order
  std::vector<int64_t> group_offsets;  ///< [G+1], example g is rows [group_offsets[g], ...[g+1])
  std::vector<Target> targets;         ///< [G]

  int64_t num_rows() const { return static_cast<int64_t>(row_ids.size()); }
  int64_t num_tokens() const { return static_cast<int64_t>(token_ids.size()); }
  int64_t num_examples() const { return static_cast<int64_t>(targets.size()); }

  /// Appends an example of one row. Rows must come sorted by task.
  void append(int task, int64_t row_id, const int32_t* ids, const int32_t* types, int64_t length,
              const Target& target = {});

  /// Adds another row to the last example: its next choice.
  void append_choice(int64_t row_id, const int32_t* ids, const int32_t* types, int64_t length);

 private:
  void append_row(int64_t row_id, const int32_t* ids, const int32_t* types, int64_t length);
};

}  // namespace pals

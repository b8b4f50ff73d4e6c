// The packed batch: rows of any length laid end to end, without padding.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace pals {

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
  std::vector<Segment> segments;        ///< in order, covering all rows
  std::vector<int64_t> row_ids;         ///< [B] where a row stands in the caller's order
  std::vector<int64_t> group_offsets;   ///< [G+1], example g is rows [group_offsets[g], ...[g+1])
  std::vector<float> targets;           ///< [T] what heads are to learn, as the tasks' kinds say
  std::vector<int64_t> target_offsets;  ///< [G+1], example g has targets [g] to [g + 1]
  std::vector<float> taught;            ///< logits of a teacher's head, of examples that have one
  std::vector<int64_t> taught_offsets;  ///< [at most G+1], example g has logits [g] to [g + 1]
  double teacher_weight = 0.0;          ///< what its part of a loss counts; targets have the rest

  int64_t num_rows() const { return static_cast<int64_t>(row_ids.size()); }
  int64_t num_tokens() const { return static_cast<int64_t>(token_ids.size()); }
  int64_t num_examples() const {
    return group_offsets.empty() ? 0 : static_cast<int64_t>(group_offsets.size()) - 1;
  }
  std::span<const float> targets_of(int64_t example) const {
    const auto g = static_cast<size_t>(example);
    return std::span(targets).subspan(
        static_cast<size_t>(target_offsets[g]),
        static_cast<size_t>(target_offsets[g + 1] - target_offsets[g]));
  }

  /// A teacher's logits for the example's rows; empty: it has none.
  std::span<const float> taught_of(int64_t example) const {
    const auto g = static_cast<size_t>(example);
    if (g + 1 >= taught_offsets.size()) return {};
    return std::span(taught).subspan(
        static_cast<size_t>(taught_offsets[g]),
        static_cast<size_t>(taught_offsets[g + 1] - taught_offsets[g]));
  }

  /// Appends an example of one row. Rows must come sorted by task.
  void append(int task, int64_t row_id, const int32_t* ids, const int32_t* types, int64_t length,
              std::span<const float> example_targets = {});

  /// Adds another row to the last example: its next choice.
  void append_choice(int64_t row_id, const int32_t* ids, const int32_t* types, int64_t length);

  /// Gives the last example a teacher's logits.
  void teach(std::span<const float> logits);

 private:
  void append_row(int64_t row_id, const int32_t* ids, const int32_t* types, int64_t length);
};

}  // namespace pals

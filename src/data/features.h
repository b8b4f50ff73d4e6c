// Features: examples as token ids with [CLS] and [SEP], truncated, ready to be laid into a batch.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string_view>
#include <vector>

#include "batch/packed_batch.h"
#include "tasks/task.h"
#include "text/tokenizer.h"

namespace pals {

/// R rows of S tokens together, flattened.
struct FeatureSet {
  std::vector<int32_t> token_ids;  ///< [S]
  std::vector<int64_t> row_offsets{
      0};  ///< [R+1], row r's tokens are [row_offsets[r], row_offsets[r+1])
  std::vector<int32_t>
      first_lengths;            ///< [R] leading tokens of type 0; those after them are of type 1
  std::vector<int32_t> labels;  ///< [R] class indices (-1: none)
  std::vector<float> values;    ///< [R] regression targets
  int64_t skipped = 0;          ///< rows of the file that its reader left out

  int64_t num_rows() const { return static_cast<int64_t>(row_offsets.size()) - 1; }
  int64_t num_tokens() const { return static_cast<int64_t>(token_ids.size()); }
  int64_t row_length(int64_t row) const {
    const auto r = static_cast<size_t>(row);
    return row_offsets[r + 1] - row_offsets[r];
  }

  bool operator==(const FeatureSet&) const = default;
};

using FeaturesPtr = std::shared_ptr<const FeatureSet>;

/// The least max_seq_length that holds a pair: [CLS] [SEP] [SEP].
inline constexpr int kMinSeqLength = 3;

/// Appends `[CLS] a [SEP]`, or `[CLS] a [SEP] b [SEP]` if b has tokens, to `ids` and returns the
/// number of tokens of type 0 (up to and with the first [SEP]). The last token of the longer text
/// (of b on a tie) is dropped until max_seq_length fits. Throws UsageError if max_seq_length <
/// kMinSeqLength.
int32_t encode_pair(const Tokenizer& tokenizer, std::string_view text_a, std::string_view text_b,
                    int max_seq_length, std::vector<int32_t>& ids);

/// Encodes all examples, on `threads` threads (0: all cores); the result does not depend on their
/// number. Throws UsageError as encode_pair does, Error once `stop` is requested.
FeatureSet make_features(const std::vector<Example>& examples, const Tokenizer& tokenizer,
                         int max_seq_length, int threads = 0, const std::stop_token& stop = {});

/// Appends a row of `features` to `batch`. Rows must come sorted by task.
void append_row(const FeatureSet& features, int64_t row, int task, int64_t row_id,
                PackedBatch& batch);

/// Encodes one text (text_b empty) or pair for prediction and appends it to `batch`, without a
/// label.
void append_text(const Tokenizer& tokenizer, std::string_view text_a, std::string_view text_b,
                 int max_seq_length, int task, int64_t row_id, PackedBatch& batch);

}  // namespace pals

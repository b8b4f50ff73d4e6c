// Features: examples as token ids with [CLS] and [SEP], truncated, ready to be laid into a batch.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "batch/packed_batch.h"
#include "tasks/task.h"
#include "text/tokenizer.h"

namespace pals {

/// The tokens of a context that questions are asked about.
struct ContextTokens {
  std::vector<int32_t> token_ids;    ///< [T]
  std::vector<int32_t> token_words;  ///< [T] the word that a token is of, counted from 0

  bool operator==(const ContextTokens&) const = default;
};

/// The texts that features were made of, where answers are put together from them: the questions
/// in the order of their rows, and their contexts.
struct FeatureTexts {
  QuestionSet questions;
  std::vector<ContextTokens> tokens;  ///< of each context

  bool operator==(const FeatureTexts&) const = default;
};

/// E examples: R rows of S tokens together, flattened. An example is one row, or, in multiple
/// choice, a row for each choice.
struct FeatureSet {
  std::vector<int32_t> token_ids;  ///< [S]
  std::vector<int64_t> row_offsets{
      0};  ///< [R+1], row r's tokens are [row_offsets[r], row_offsets[r+1])
  std::vector<int32_t>
      first_lengths;  ///< [R] leading tokens of type 0; those after them are of type 1
  std::vector<int64_t> group_offsets{
      0};                      ///< [E+1], example e is rows [group_offsets[e], group_offsets[e+1])
  std::vector<float> targets;  ///< [N] what heads are to learn, as the tasks' kinds say
  std::vector<int64_t> target_offsets{
      0};               ///< [E+1], example e's are [target_offsets[e], target_offsets[e+1])
  int64_t skipped = 0;  ///< of the file, left out by its reader or for want of an answer
  std::vector<std::string> notes;  ///< of its reader, for the user
  FeatureTexts texts;              ///< of span tasks, but for training

  int64_t num_rows() const { return static_cast<int64_t>(row_offsets.size()) - 1; }
  int64_t num_examples() const { return static_cast<int64_t>(group_offsets.size()) - 1; }
  int64_t num_tokens() const { return static_cast<int64_t>(token_ids.size()); }
  int64_t row_length(int64_t row) const {
    const auto r = static_cast<size_t>(row);
    return row_offsets[r + 1] - row_offsets[r];
  }
  int64_t first_row(int64_t example) const { return group_offsets[static_cast<size_t>(example)]; }

  /// The tokens appended since the last row become a row.
  void end_row(int32_t first_length);
  /// The rows since the last example become an example.
  void end_example(const std::vector<float>& example_targets);

  std::span<const float> targets_of(int64_t example) const {
    const auto e = static_cast<size_t>(example);
    return std::span(targets).subspan(
        static_cast<size_t>(target_offsets[e]),
        static_cast<size_t>(target_offsets[e + 1] - target_offsets[e]));
  }

  bool operator==(const FeatureSet&) const = default;
};

using FeaturesPtr = std::shared_ptr<const FeatureSet>;

/// The least max_seq_length that holds a pair: [CLS] [SEP] [SEP].
inline constexpr int kMinSeqLength = 3;

/// Which end of a text that is too long is left out.
enum class Truncation { kEnd, kStart };

/// Appends `[CLS] a [SEP]`, or `[CLS] a [SEP] b [SEP]` if b has tokens, to `ids` and returns the
/// number of tokens of type 0 (up to and with the first [SEP]). The last token of the longer text
/// (of b on a tie), or its first, is dropped until max_seq_length fits. Throws UsageError if
/// max_seq_length < kMinSeqLength.
int32_t encode_pair(const Tokenizer& tokenizer, std::string_view text_a, std::string_view text_b,
                    int max_seq_length, std::vector<int32_t>& ids,
                    Truncation truncation = Truncation::kEnd);

/// Adds an example with its targets, encoded, as one row or as a row for each choice. Throws
/// UsageError as encode_pair does.
void encode_example(const Example& example, const Tokenizer& tokenizer, int max_seq_length,
                    FeatureSet& features, Truncation truncation = Truncation::kEnd);

/// The examples of all parts, one after the other, without their texts.
FeatureSet join_features(const std::vector<FeaturesPtr>& parts);

/// Adds the item of that number to a set of features.
using AppendFeatures = std::function<void(int64_t item, FeatureSet& features)>;

/// The features of `num_items` items, `items_per_chunk` at a time on `threads` threads (0: all
/// cores); the result does not depend on their number. Throws Error once `stop` is requested.
FeatureSet collect_features(int64_t num_items, int64_t items_per_chunk, int threads,
                            const std::stop_token& stop, const AppendFeatures& append);

/// Encodes all examples, of texts and pairs or of choices, as collect_features does. Throws
/// UsageError as encode_pair does.
FeatureSet make_features(const std::vector<Example>& examples, const Tokenizer& tokenizer,
                         int max_seq_length, int threads = 0, const std::stop_token& stop = {});

/// Appends an example of `features` to `batch`; its rows are numbered from `first_row_id` on.
/// Examples must come sorted by task.
void append_example(const FeatureSet& features, int64_t example, int task, int64_t first_row_id,
                    PackedBatch& batch);

/// Encodes one text (text_b empty) or pair for prediction and appends it to `batch`, without a
/// target.
void append_text(const Tokenizer& tokenizer, std::string_view text_a, std::string_view text_b,
                 int max_seq_length, int task, int64_t row_id, PackedBatch& batch);

}  // namespace pals

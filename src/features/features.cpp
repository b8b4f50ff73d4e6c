#include "features/features.h"

#include <algorithm>

#include "base/error.h"
#include "features/parallel.h"

namespace pals {
namespace {

// Rows that a thread encodes at a time: enough to make hand-over cheap, few enough to share evenly.
constexpr int64_t kRowsPerChunk = 2048;

/// `values`, counted from `base` on, behind those of `all`.
void append_shifted(const std::vector<int64_t>& values, int64_t base, std::vector<int64_t>& all) {
  for (auto value = values.begin() + 1; value != values.end(); ++value)
    all.push_back(base + *value);
}

template <typename T>
void append_all(const std::vector<T>& values, std::vector<T>& all) {
  all.insert(all.end(), values.begin(), values.end());
}

void append_features(const FeatureSet& part, FeatureSet& all) {
  append_shifted(part.target_offsets, static_cast<int64_t>(all.targets.size()), all.target_offsets);
  append_shifted(part.group_offsets, all.num_rows(), all.group_offsets);
  append_shifted(part.row_offsets, all.num_tokens(), all.row_offsets);
  append_all(part.token_ids, all.token_ids);
  append_all(part.first_lengths, all.first_lengths);
  append_all(part.targets, all.targets);
  all.skipped += part.skipped;
  append_all(part.notes, all.notes);
}

/// Leaves so many of the tokens from `first` on.
void keep_tokens(std::vector<int32_t>& ids, int64_t first, int64_t kept, Truncation truncation) {
  const int64_t excess = static_cast<int64_t>(ids.size()) - first - kept;
  if (excess <= 0) return;
  const auto at = ids.begin() + first + (truncation == Truncation::kEnd ? kept : 0);
  ids.erase(at, at + excess);
}

}  // namespace

FeatureSet join_features(const std::vector<FeaturesPtr>& parts) {
  FeatureSet all;
  for (const FeaturesPtr& part : parts) append_features(*part, all);
  return all;
}

int32_t encode_pair(const Tokenizer& tokenizer, std::string_view text_a, std::string_view text_b,
                    int max_seq_length, std::vector<int32_t>& ids, Truncation truncation) {
  if (max_seq_length < kMinSeqLength) {
    fail_usage("max_seq_length is ", max_seq_length, "; it must be at least ", kMinSeqLength);
  }
  const Vocabulary& vocabulary = tokenizer.vocabulary();
  const auto start = static_cast<int64_t>(ids.size());
  const int64_t room_for_one = max_seq_length - 2;
  const int64_t room_for_pair = max_seq_length - 3;

  // Tokens past the whole room never survive, nor does their number change how the rest is cut.
  const size_t limit =
      truncation == Truncation::kEnd ? static_cast<size_t>(room_for_one) : Tokenizer::kNoLimit;
  ids.push_back(vocabulary.cls_id());
  tokenizer.encode(text_a, ids, limit);
  keep_tokens(ids, start + 1, room_for_one, truncation);
  int64_t length_a = static_cast<int64_t>(ids.size()) - start - 1;
  std::vector<int32_t> ids_b;
  if (!text_b.empty()) tokenizer.encode(text_b, ids_b, limit);
  keep_tokens(ids_b, 0, room_for_one, truncation);
  int64_t length_b = static_cast<int64_t>(ids_b.size());
  const bool pair = length_b > 0;

  if (pair && length_a + length_b > room_for_pair) {
    // Where dropping from the longer side ends: a short text stays whole, two long ones get half
    // each, and a the odd token.
    const int64_t half_b = room_for_pair / 2;
    const int64_t half_a = room_for_pair - half_b;
    const int64_t kept_a = std::min(length_a, std::max(half_a, room_for_pair - length_b));
    length_b = std::min(length_b, std::max(half_b, room_for_pair - length_a));
    length_a = kept_a;
    keep_tokens(ids, start + 1, length_a, truncation);
    keep_tokens(ids_b, 0, length_b, truncation);
  }
  ids.push_back(vocabulary.sep_id());
  const auto first_length = static_cast<int32_t>(length_a + 2);
  if (pair) {
    append_all(ids_b, ids);
    ids.push_back(vocabulary.sep_id());
  }
  return first_length;
}

void FeatureSet::end_row(int32_t first_length) {
  row_offsets.push_back(num_tokens());
  first_lengths.push_back(first_length);
}

void FeatureSet::end_example(const std::vector<float>& example_targets) {
  group_offsets.push_back(num_rows());
  append_all(example_targets, targets);
  target_offsets.push_back(static_cast<int64_t>(targets.size()));
}

FeatureSet collect_features(int64_t num_items, int64_t items_per_chunk, int threads,
                            const std::stop_token& stop, const AppendFeatures& append) {
  const int64_t num_chunks = (num_items + items_per_chunk - 1) / items_per_chunk;
  std::vector<FeatureSet> chunks(static_cast<size_t>(num_chunks));
  parallel_for(num_chunks, threads, [&](int64_t c) {
    if (stop.stop_requested()) fail("making features was stopped");
    const int64_t last = std::min(num_items, (c + 1) * items_per_chunk);
    for (int64_t item = c * items_per_chunk; item < last; ++item) {
      append(item, chunks[static_cast<size_t>(c)]);
    }
  });
  size_t tokens = 0, rows = 0, examples = 0, targets = 0;
  for (const FeatureSet& chunk : chunks) {
    tokens += chunk.token_ids.size();
    rows += chunk.first_lengths.size();
    examples += chunk.group_offsets.size() - 1;
    targets += chunk.targets.size();
  }
  FeatureSet features;
  features.token_ids.reserve(tokens);
  features.row_offsets.reserve(rows + 1);
  features.first_lengths.reserve(rows);
  features.group_offsets.reserve(examples + 1);
  features.targets.reserve(targets);
  features.target_offsets.reserve(examples + 1);
  for (FeatureSet& chunk : chunks) {
    append_features(chunk, features);
    chunk = FeatureSet();  // the copy made, its memory is free for the next
  }
  return features;
}

void encode_example(const Example& example, const Tokenizer& tokenizer, int max_seq_length,
                    FeatureSet& features, Truncation truncation) {
  if (example.choices.empty()) {
    features.end_row(encode_pair(tokenizer, example.text_a, example.text_b, max_seq_length,
                                 features.token_ids, truncation));
  }
  for (const std::string& choice : example.choices) {
    // [CLS] context [SEP] start choice [SEP], as the original's run_swag.
    features.end_row(encode_pair(tokenizer, example.text_a, concat(example.text_b, " ", choice),
                                 max_seq_length, features.token_ids, truncation));
  }
  features.end_example(example.targets);
}

FeatureSet make_features(const std::vector<Example>& examples, const Tokenizer& tokenizer,
                         int max_seq_length, int threads, const std::stop_token& stop) {
  return collect_features(static_cast<int64_t>(examples.size()), kRowsPerChunk, threads, stop,
                          [&](int64_t item, FeatureSet& features) {
                            encode_example(examples[static_cast<size_t>(item)], tokenizer,
                                           max_seq_length, features);
                          });
}

void append_example(const FeatureSet& features, int64_t example, int task, int64_t first_row_id,
                    PackedBatch& batch) {
  const int64_t first_row = features.first_row(example);
  const int64_t last_row = features.first_row(example + 1);
  std::vector<int32_t> types;
  for (int64_t row = first_row; row < last_row; ++row) {
    const auto r = static_cast<size_t>(row);
    const int32_t* ids = features.token_ids.data() + features.row_offsets[r];
    const int64_t length = features.row_length(row);
    const int64_t row_id = first_row_id + row - first_row;
    types.assign(static_cast<size_t>(length), 1);
    std::fill_n(types.begin(), features.first_lengths[r], 0);
    if (row == first_row) {
      batch.append(task, row_id, ids, types.data(), length, features.targets_of(example));
    } else {
      batch.append_choice(row_id, ids, types.data(), length);
    }
  }
}

void append_text(const Tokenizer& tokenizer, std::string_view text_a, std::string_view text_b,
                 int max_seq_length, int task, int64_t row_id, PackedBatch& batch) {
  FeatureSet features;
  features.end_row(encode_pair(tokenizer, text_a, text_b, max_seq_length, features.token_ids));
  features.end_example({});
  append_example(features, 0, task, row_id, batch);
}

}  // namespace pals

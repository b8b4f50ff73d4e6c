#include "data/features.h"

#include <algorithm>

#include "base/error.h"
#include "data/parallel.h"

namespace pals {
namespace {

// Rows that a thread encodes at a time: enough to make hand-over cheap, few enough to share evenly.
constexpr int64_t kRowsPerChunk = 2048;

struct Chunk {
  std::vector<int32_t> token_ids;
  std::vector<int32_t> lengths;
  std::vector<int32_t> first_lengths;
};

void append_ids(const int32_t* ids, int64_t length, int64_t first_length, int task, int64_t row_id,
                int32_t label, float value, PackedBatch& batch) {
  std::vector<int32_t> types(static_cast<size_t>(length), 1);
  std::fill_n(types.begin(), first_length, 0);
  batch.append(task, row_id, ids, types.data(), length, label, value);
}

}  // namespace

int32_t encode_pair(const Tokenizer& tokenizer, std::string_view text_a, std::string_view text_b,
                    int max_seq_length, std::vector<int32_t>& ids) {
  if (max_seq_length < kMinSeqLength) {
    fail_usage("max_seq_length is ", max_seq_length, "; it must be at least ", kMinSeqLength);
  }
  const Vocabulary& vocabulary = tokenizer.vocabulary();
  const auto start = static_cast<int64_t>(ids.size());
  const int64_t room_for_one = max_seq_length - 2;
  const int64_t room_for_pair = max_seq_length - 3;

  // Tokens past the whole room never survive, nor does their number change how the rest is cut.
  ids.push_back(vocabulary.cls_id());
  tokenizer.encode(text_a, ids, static_cast<size_t>(room_for_one));
  int64_t length_a = static_cast<int64_t>(ids.size()) - start - 1;
  std::vector<int32_t> ids_b;
  if (!text_b.empty()) tokenizer.encode(text_b, ids_b, static_cast<size_t>(room_for_one));
  int64_t length_b = static_cast<int64_t>(ids_b.size());

  if (length_b > 0 && length_a + length_b > room_for_pair) {
    // Where dropping from the longer side ends: a short text stays whole, two long ones get half
    // each, and a the odd token.
    const int64_t half_b = room_for_pair / 2;
    const int64_t half_a = room_for_pair - half_b;
    const int64_t kept_a = std::min(length_a, std::max(half_a, room_for_pair - length_b));
    length_b = std::min(length_b, std::max(half_b, room_for_pair - length_a));
    length_a = kept_a;
    ids.resize(static_cast<size_t>(start + 1 + length_a));
  }
  ids.push_back(vocabulary.sep_id());
  const auto first_length = static_cast<int32_t>(length_a + 2);
  if (!ids_b.empty()) {
    ids.insert(ids.end(), ids_b.begin(), ids_b.begin() + length_b);
    ids.push_back(vocabulary.sep_id());
  }
  return first_length;
}

FeatureSet make_features(const std::vector<Example>& examples, const Tokenizer& tokenizer,
                         int max_seq_length, int threads, const std::stop_token& stop) {
  const auto num_rows = static_cast<int64_t>(examples.size());
  const int64_t num_chunks = (num_rows + kRowsPerChunk - 1) / kRowsPerChunk;
  std::vector<Chunk> chunks(static_cast<size_t>(num_chunks));
  parallel_for(num_chunks, threads, [&](int64_t c) {
    if (stop.stop_requested()) fail("making features was stopped");
    Chunk& chunk = chunks[static_cast<size_t>(c)];
    const int64_t last_row = std::min(num_rows, (c + 1) * kRowsPerChunk);
    for (int64_t row = c * kRowsPerChunk; row < last_row; ++row) {
      const Example& example = examples[static_cast<size_t>(row)];
      const size_t before = chunk.token_ids.size();
      chunk.first_lengths.push_back(
          encode_pair(tokenizer, example.text_a, example.text_b, max_seq_length, chunk.token_ids));
      chunk.lengths.push_back(static_cast<int32_t>(chunk.token_ids.size() - before));
    }
  });

  size_t num_tokens = 0;
  for (const Chunk& chunk : chunks) num_tokens += chunk.token_ids.size();
  FeatureSet features;
  features.token_ids.reserve(num_tokens);
  features.row_offsets.reserve(examples.size() + 1);
  features.first_lengths.reserve(examples.size());
  for (Chunk& chunk : chunks) {
    features.token_ids.insert(features.token_ids.end(), chunk.token_ids.begin(),
                              chunk.token_ids.end());
    features.first_lengths.insert(features.first_lengths.end(), chunk.first_lengths.begin(),
                                  chunk.first_lengths.end());
    for (const int32_t length : chunk.lengths) {
      features.row_offsets.push_back(features.row_offsets.back() + length);
    }
    chunk = Chunk();  // the copy made, its memory is free for the next
  }
  features.labels.reserve(examples.size());
  features.values.reserve(examples.size());
  for (const Example& example : examples) {
    features.labels.push_back(example.label);
    features.values.push_back(example.value);
  }
  return features;
}

void append_row(const FeatureSet& features, int64_t row, int task, int64_t row_id,
                PackedBatch& batch) {
  const auto r = static_cast<size_t>(row);
  append_ids(features.token_ids.data() + features.row_offsets[r], features.row_length(row),
             features.first_lengths[r], task, row_id, features.labels[r], features.values[r],
             batch);
}

void append_text(const Tokenizer& tokenizer, std::string_view text_a, std::string_view text_b,
                 int max_seq_length, int task, int64_t row_id, PackedBatch& batch) {
  std::vector<int32_t> ids;
  const int32_t first_length = encode_pair(tokenizer, text_a, text_b, max_seq_length, ids);
  append_ids(ids.data(), static_cast<int64_t>(ids.size()), first_length, task, row_id, -1, 0.0F,
             batch);
}

}  // namespace pals

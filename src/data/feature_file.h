// The cache's file format: one FeatureSet with sizes, key and checksum, read back with every bound
// checked.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "features/features.h"

namespace pals {

/// What the content of a feature file must fit, whatever it says itself.
struct FeatureLimits {
  int64_t vocab_size = 0;      ///< token ids lie in [0, vocab_size)
  int64_t max_seq_length = 0;  ///< the longest row
  TaskKind kind = {};          ///< which says what targets and texts there are
  int64_t num_outputs = 0;     ///< of the head
};

/// The first part of a feature file. Native byte order: a cache stays on its machine, and `version`
/// read the other way round is refused.
struct FeatureFileHeader {
  char magic[8] = {};
  uint32_t version = 0;
  uint32_t reserved = 0;
  char key[32] = {};       ///< what it was made from (feature_key)
  char checksum[32] = {};  ///< content_hash of header (with this field zero) and payload
  uint64_t num_examples = 0;
  uint64_t num_rows = 0;
  uint64_t num_tokens = 0;
  uint64_t num_targets = 0;
  uint64_t num_skipped = 0;
  uint64_t num_contexts = 0;
  uint64_t num_context_tokens = 0;
  uint64_t num_questions = 0;
  uint64_t num_answers = 0;
  uint64_t num_text_bytes = 0;  ///< of contexts, questions, their ids and answers
  uint64_t num_note_bytes = 0;  ///< a line each
};
static_assert(sizeof(FeatureFileHeader) == 168);

/// Raise it when the reader, the tokenizer, truncation or this format changes what a file holds:
/// caches of other versions are not found any more.
inline constexpr uint32_t kFeatureVersion = 4;

/// Writes `features` to `path`, aside and renamed. `key` has 32 characters. Throws Error if the
/// file cannot be written.
void write_feature_file(const std::string& path, std::string_view key, const FeatureSet& features);

/// The features out of the bytes of a file. Throws Error that says what is wrong with them.
FeatureSet parse_feature_file(std::string_view bytes, std::string_view key,
                              const FeatureLimits& limits);

/// The checksum that the header of such a file must hold; `bytes` has at least a header.
std::string feature_file_checksum(std::string_view bytes);

}  // namespace pals

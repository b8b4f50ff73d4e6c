#include "data/feature_file.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/text_util.h"
#include "data/packed_texts.h"
#include "kinds/kind.h"

namespace pals {
namespace {

constexpr char kMagic[] = "PALSFEAT";
constexpr size_t kChecksumSize = sizeof(FeatureFileHeader::checksum);
constexpr char kBlankChecksum[kChecksumSize] = {};

/// The bytes of an array or text.
template <typename Array>
std::string_view bytes_of(const Array& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(values[0])};
}

/// Offsets from 0 to `end`, each part of at least `least`.
void check_offsets(const std::vector<int64_t>& offsets, int64_t end, int64_t least,
                   const char* what) {
  if (offsets.front() != 0 || offsets.back() != end) fail(what, "s do not cover all");
  for (size_t i = 0; i + 1 < offsets.size(); ++i) {
    // Compared before subtracting: hostile offsets must not overflow.
    const bool in_order = offsets[i] >= 0 && offsets[i + 1] >= offsets[i] && offsets[i + 1] <= end;
    if (!in_order || offsets[i + 1] - offsets[i] < least) {
      fail(what, " ", i, " has impossible bounds");
    }
  }
}

void check_ids(const std::vector<int32_t>& ids, const FeatureLimits& limits) {
  const auto bad_id = std::find_if(ids.begin(), ids.end(),
                                   [&](int32_t id) { return id < 0 || id >= limits.vocab_size; });
  if (bad_id != ids.end()) fail("token id ", *bad_id, " is not in the vocabulary");
}

void check_content(const FeatureSet& features, const FeatureLimits& limits) {
  check_offsets(features.row_offsets, features.num_tokens(), 1, "row");
  check_offsets(features.group_offsets, features.num_rows(), 1, "example");
  check_offsets(features.target_offsets, static_cast<int64_t>(features.targets.size()), 0,
                "target");
  for (int64_t row = 0; row < features.num_rows(); ++row) {
    const int64_t length = features.row_length(row);
    if (length > limits.max_seq_length) fail("row ", row, " has ", length, " tokens");
    const int32_t first_length = features.first_lengths[static_cast<size_t>(row)];
    if (first_length < 1 || first_length > length) {
      fail("row ", row, " has a first text of ", first_length, " tokens");
    }
  }
  check_ids(features.token_ids, limits);
  for (const ContextTokens& context : features.texts.tokens) check_ids(context.token_ids, limits);
  kind_of(limits.kind).check_features(features, limits.num_outputs);
}

/// The arrays of a feature file, in its order, each with a number of values that the header tells.
struct Parts {
  std::vector<int64_t> row_offsets, group_offsets, target_offsets;
  PackedTexts texts;
  std::vector<int32_t> token_ids, first_lengths;
  std::vector<float> targets;
  std::string notes = {};

  /// Calls visit(array, values) for each.
  template <typename Self, typename Visit>
  static void each(Self& self, const FeatureFileHeader& header, const Visit& visit) {
    visit(self.row_offsets, header.num_rows + 1);
    visit(self.group_offsets, header.num_examples + 1);
    visit(self.target_offsets, header.num_examples + 1);
    visit(self.texts.token_offsets, header.num_contexts + 1);
    visit(self.texts.answer_offsets, header.num_questions + 1);
    visit(self.texts.answer_starts, header.num_answers);
    visit(self.texts.text_ends,
          header.num_contexts + 2 * header.num_questions + header.num_answers);
    visit(self.token_ids, header.num_tokens);
    visit(self.first_lengths, header.num_rows);
    visit(self.targets, header.num_targets);
    visit(self.texts.token_ids, header.num_context_tokens);
    visit(self.texts.token_words, header.num_context_tokens);
    visit(self.texts.question_contexts, header.num_questions);
    visit(self.texts.bytes, header.num_text_bytes);
    visit(self.notes, header.num_note_bytes);
  }
};

/// Throws Error unless the header's numbers are those of a payload of `bytes` bytes. Each number
/// counts things of a byte or more, so that none above it can be right: the sum cannot overflow,
/// and no more memory is asked for than the file has.
void check_sizes(const FeatureFileHeader& header, uint64_t bytes) {
  for (const uint64_t number :
       {header.num_examples, header.num_rows, header.num_tokens, header.num_targets,
        header.num_contexts, header.num_context_tokens, header.num_questions, header.num_answers,
        header.num_text_bytes, header.num_note_bytes}) {
    if (number > bytes) fail("its size does not fit its numbers");
  }
  uint64_t sum = 0;
  const Parts none;
  Parts::each(none, header,
              [&](const auto& array, uint64_t values) { sum += values * sizeof(array[0]); });
  if (sum != bytes) {
    fail("its size does not fit ", header.num_examples, " examples in ", header.num_rows,
         " rows of ", header.num_tokens, " tokens");
  }
}

}  // namespace

std::string feature_file_checksum(std::string_view bytes) {
  constexpr size_t kBefore = offsetof(FeatureFileHeader, checksum);
  Hasher128 hasher;
  hasher.update(bytes.substr(0, kBefore));
  hasher.update(kBlankChecksum, kChecksumSize);
  hasher.update(bytes.substr(kBefore + kChecksumSize));
  return hasher.hex();
}

void write_feature_file(const std::string& path, std::string_view key, const FeatureSet& features) {
  FeatureFileHeader header;
  if (key.size() != sizeof(header.key)) throw std::logic_error("write_feature_file: bad key");
  std::memcpy(header.magic, kMagic, sizeof(header.magic));
  header.version = kFeatureVersion;
  std::memcpy(header.key, key.data(), sizeof(header.key));
  header.num_examples = static_cast<uint64_t>(features.num_examples());
  header.num_rows = static_cast<uint64_t>(features.num_rows());
  header.num_tokens = static_cast<uint64_t>(features.num_tokens());
  header.num_targets = features.targets.size();
  header.num_skipped = static_cast<uint64_t>(features.skipped);
  const Parts arrays{features.row_offsets,       features.group_offsets,    features.target_offsets,
                     pack_texts(features.texts), features.token_ids,        features.first_lengths,
                     features.targets,           join(features.notes, "\n")};
  header.num_contexts = arrays.texts.token_offsets.size() - 1;
  header.num_context_tokens = arrays.texts.token_ids.size();
  header.num_questions = arrays.texts.question_contexts.size();
  header.num_answers = arrays.texts.answer_starts.size();
  header.num_text_bytes = arrays.texts.bytes.size();
  header.num_note_bytes = arrays.notes.size();

  std::vector<std::string_view> parts;
  Parts::each(arrays, header,
              [&](const auto& array, uint64_t) { parts.push_back(bytes_of(array)); });
  Hasher128 hasher;
  hasher.update(&header, sizeof(header));
  for (const std::string_view part : parts) hasher.update(part);
  const std::string checksum = hasher.hex();
  std::memcpy(header.checksum, checksum.data(), sizeof(header.checksum));

  AtomicFile file(path);
  file.write(&header, sizeof(header));
  for (const std::string_view part : parts) file.write(part);
  file.commit();
}

FeatureSet parse_feature_file(std::string_view bytes, std::string_view key,
                              const FeatureLimits& limits) {
  FeatureFileHeader header;
  if (bytes.size() < sizeof(header)) fail("it ends within its header");
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (std::memcmp(header.magic, kMagic, sizeof(header.magic)) != 0) fail("no feature file");
  if (header.version != kFeatureVersion) fail("it has version ", header.version);
  if (std::string_view(header.key, sizeof(header.key)) != key) fail("it belongs to other text");

  check_sizes(header, bytes.size() - sizeof(header));
  if (header.num_skipped > INT64_MAX) fail("it has an impossible number of skipped rows");
  if (std::string_view(header.checksum, kChecksumSize) != feature_file_checksum(bytes)) {
    fail("its checksum is wrong");
  }

  std::string_view rest = bytes.substr(sizeof(header));
  Parts arrays;
  Parts::each(arrays, header, [&](auto& array, uint64_t values) {
    array.resize(static_cast<size_t>(values));
    const size_t size = bytes_of(array).size();
    if (size > 0) std::memcpy(array.data(), rest.data(), size);
    rest.remove_prefix(size);
  });
  FeatureSet features;
  features.row_offsets = std::move(arrays.row_offsets);
  features.group_offsets = std::move(arrays.group_offsets);
  features.target_offsets = std::move(arrays.target_offsets);
  features.token_ids = std::move(arrays.token_ids);
  features.first_lengths = std::move(arrays.first_lengths);
  features.targets = std::move(arrays.targets);
  features.texts = unpack_texts(arrays.texts);
  features.skipped = static_cast<int64_t>(header.num_skipped);
  if (!arrays.notes.empty()) {
    for (const std::string_view note : split(arrays.notes, '\n')) features.notes.emplace_back(note);
  }
  check_content(features, limits);
  return features;
}

}  // namespace pals

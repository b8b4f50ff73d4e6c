#include "data/feature_file.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <type_traits>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"

namespace pals {
namespace {

constexpr char kMagic[] = "PALSFEAT";
static_assert(sizeof(Target) == 16 && std::is_trivially_copyable_v<Target>);
constexpr size_t kChecksumSize = sizeof(FeatureFileHeader::checksum);
constexpr char kBlankChecksum[kChecksumSize] = {};

template <typename T>
std::string_view bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

/// Takes `count` values from the front of `bytes`, whose size was checked before.
template <typename T>
std::vector<T> take(std::string_view& bytes, size_t count) {
  std::vector<T> values(count);
  if (count > 0) std::memcpy(values.data(), bytes.data(), count * sizeof(T));
  bytes.remove_prefix(count * sizeof(T));
  return values;
}

/// Offsets from 0 to `end`, each part of at least one.
void check_offsets(const std::vector<int64_t>& offsets, int64_t end, const char* what) {
  if (offsets.front() != 0 || offsets.back() != end) fail(what, "s do not cover all");
  for (size_t i = 0; i + 1 < offsets.size(); ++i) {
    // Compared before subtracting: hostile offsets must not overflow.
    if (offsets[i] < 0 || offsets[i + 1] <= offsets[i] || offsets[i + 1] > end) {
      fail(what, " ", i, " has impossible bounds");
    }
  }
}

void check_target(const FeatureSet& features, int64_t example, const FeatureLimits& limits) {
  const Target& target = features.targets[static_cast<size_t>(example)];
  const int64_t row = features.first_row(example);
  const int64_t rows = features.first_row(example + 1) - row;
  const bool choices = limits.kind == TaskKind::kMultipleChoice;
  if (rows > 1 && !choices) fail("example ", example, " has ", rows, " rows");
  if (target.label < -1 || target.label >= (choices ? rows : limits.num_labels)) {
    fail("example ", example, " has label ", target.label);
  }
  if (!std::isfinite(target.value)) fail("example ", example, " has no finite value");
  const int64_t length = limits.kind == TaskKind::kSpan ? features.row_length(row) : 0;
  if (target.start < -1 || target.end < target.start || target.end >= length ||
      (target.start == -1 && target.end != -1)) {
    fail("example ", example, " has a span from ", target.start, " to ", target.end);
  }
}

void check_content(const FeatureSet& features, const FeatureLimits& limits) {
  check_offsets(features.row_offsets, features.num_tokens(), "row");
  check_offsets(features.group_offsets, features.num_rows(), "example");
  for (int64_t row = 0; row < features.num_rows(); ++row) {
    const int64_t length = features.row_length(row);
    if (length > limits.max_seq_length) fail("row ", row, " has ", length, " tokens");
    const int32_t first_length = features.first_lengths[static_cast<size_t>(row)];
    if (first_length < 1 || first_length > length) {
      fail("row ", row, " has a first text of ", first_length, " tokens");
    }
  }
  for (int64_t example = 0; example < features.num_examples(); ++example) {
    check_target(features, example, limits);
  }
  const auto bad_id = std::find_if(features.token_ids.begin(), features.token_ids.end(),
                                   [&](int32_t id) { return id < 0 || id >= limits.vocab_size; });
  if (bad_id != features.token_ids.end()) fail("token id ", *bad_id, " is not in the vocabulary");
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
  header.num_skipped = static_cast<uint64_t>(features.skipped);

  const std::string_view parts[] = {bytes_of(features.row_offsets),
                                    bytes_of(features.group_offsets), bytes_of(features.token_ids),
                                    bytes_of(features.first_lengths), bytes_of(features.targets)};
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

  // Each example, row and token takes bytes, so that numbers above the file's size cannot be right;
  // the sum below cannot overflow then, and no more memory is asked for than the file has.
  const uint64_t payload = bytes.size() - sizeof(header);
  constexpr uint64_t kRowBytes = sizeof(int64_t) + sizeof(int32_t);
  constexpr uint64_t kExampleBytes = sizeof(int64_t) + sizeof(Target);
  if (header.num_examples > payload / kExampleBytes || header.num_rows > payload / kRowBytes ||
      header.num_tokens > payload / sizeof(int32_t) ||
      2 * sizeof(int64_t) + header.num_examples * kExampleBytes + header.num_rows * kRowBytes +
              header.num_tokens * sizeof(int32_t) !=
          payload) {
    fail("its size does not fit ", header.num_examples, " examples in ", header.num_rows,
         " rows of ", header.num_tokens, " tokens");
  }
  if (header.num_skipped > INT64_MAX) fail("it has an impossible number of skipped rows");
  if (std::string_view(header.checksum, kChecksumSize) != feature_file_checksum(bytes)) {
    fail("its checksum is wrong");
  }

  std::string_view rest = bytes.substr(sizeof(header));
  const auto num_rows = static_cast<size_t>(header.num_rows);
  const auto num_examples = static_cast<size_t>(header.num_examples);
  FeatureSet features;
  features.row_offsets = take<int64_t>(rest, num_rows + 1);
  features.group_offsets = take<int64_t>(rest, num_examples + 1);
  features.token_ids = take<int32_t>(rest, static_cast<size_t>(header.num_tokens));
  features.first_lengths = take<int32_t>(rest, num_rows);
  features.targets = take<Target>(rest, num_examples);
  features.skipped = static_cast<int64_t>(header.num_skipped);
  check_content(features, limits);
  return features;
}

}  // namespace pals

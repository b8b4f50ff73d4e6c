// Fuzz target: the reader of cached features must refuse or give rows within its limits, whatever
// bytes it gets, with the checksum wrong or put right.
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/error.h"
#include "data/feature_file.h"

namespace {

constexpr pals::FeatureLimits kLimits{100, 16, pals::TaskKind::kMultipleChoice, 3};

void read_it(const std::string& bytes, std::string_view key) {
  try {
    const pals::FeatureSet features = pals::parse_feature_file(bytes, key, kLimits);
    pals::PackedBatch batch;
    for (int64_t i = 0; i < features.num_examples(); ++i) {
      pals::append_example(features, i, 0, features.first_row(i), batch);
    }
    for (const int32_t id : batch.token_ids) {
      if (id < 0 || id >= kLimits.vocab_size) std::abort();
    }
  } catch (const pals::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  const std::string key(sizeof(pals::FeatureFileHeader::key), 'k');
  read_it(bytes, key);
  if (size < sizeof(pals::FeatureFileHeader)) return 0;

  // What no fuzzer guesses is put right, so that the checks behind it are reached too.
  pals::FeatureFileHeader header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  std::memcpy(header.magic, "PALSFEAT", sizeof(header.magic));
  header.version = pals::kFeatureVersion;
  std::memcpy(header.key, key.data(), key.size());
  std::memcpy(bytes.data(), &header, sizeof(header));
  const std::string checksum = pals::feature_file_checksum(bytes);
  std::memcpy(header.checksum, checksum.data(), checksum.size());
  std::memcpy(bytes.data(), &header, sizeof(header));
  read_it(bytes, key);
  return 0;
}

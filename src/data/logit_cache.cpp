#include "data/logit_cache.h"

#include <cstddef>
#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/text_util.h"
#include "data/cache_limit.h"

namespace pals {
namespace {

constexpr uint32_t kLogitVersion = 1;
constexpr char kLogitsMagic[] = "PALSLOGI";

/// Before the logits, in native byte order, as of feature files.
struct LogitFileHeader {
  char magic[8] = {};
  uint32_t version = kLogitVersion;
  uint32_t reserved = 0;
  char key[32] = {};
  char checksum[32] = {};  ///< of key and logits
};
static_assert(sizeof(LogitFileHeader) == 80);

std::string_view bytes_of(const std::vector<float>& logits) {
  return {reinterpret_cast<const char*>(logits.data()), logits.size() * sizeof(float)};
}

std::string checksum_of(std::string_view key, std::string_view logits) {
  Hasher128 hasher;
  hasher.update(key);
  hasher.update(logits);
  return hasher.hex();
}

std::string path_of(const std::string& key, const std::string& cache_dir) {
  return concat(cache_dir, "/", key, ".logits");
}

std::vector<float> parse_logits(std::string_view bytes, std::string_view key, int64_t count) {
  LogitFileHeader header;
  if (bytes.size() < sizeof(header)) fail("it ends within its header");
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (std::memcmp(header.magic, kLogitsMagic, sizeof(header.magic)) != 0) fail("no file of logits");
  if (header.version != kLogitVersion) fail("it has version ", header.version);
  if (std::string_view(header.key, sizeof(header.key)) != key)
    fail("it belongs to another teacher");
  const std::string_view rest = bytes.substr(sizeof(header));
  if (rest.size() != static_cast<size_t>(count) * sizeof(float)) {
    fail("it has ", rest.size(), " bytes of logits, not ", count, " numbers");
  }
  if (std::string_view(header.checksum, sizeof(header.checksum)) != checksum_of(key, rest)) {
    fail("its checksum is wrong");
  }
  std::vector<float> logits(static_cast<size_t>(count));
  if (!rest.empty()) std::memcpy(logits.data(), rest.data(), rest.size());
  return logits;
}

}  // namespace

std::string logit_key(std::string_view model, const std::vector<std::string>& features,
                      std::string_view how) {
  Hasher128 hasher;
  const auto add = [&](std::string_view text) {
    hasher.update(concat(text.size(), ":"));
    hasher.update(text);
  };
  add(concat(kLogitVersion));
  add(model);
  for (const std::string& key : features) add(key);
  add(how);
  return hasher.hex();
}

std::optional<std::vector<float>> find_logits(const std::string& key, int64_t count,
                                              const std::string& cache_dir) {
  if (cache_dir.empty()) return std::nullopt;
  const std::string path = path_of(key, cache_dir);
  if (!file_exists(path)) return std::nullopt;
  try {
    const MappedFile file(path);
    mark_used(path);
    return parse_logits(file.bytes(), key, count);
  } catch (const Error& error) {
    log_warning("teacher's logits ", path, " cannot be used (", error.what(),
                "); they are computed anew");
    return std::nullopt;
  }
}

void keep_logits(const std::string& key, const std::vector<float>& logits,
                 const std::string& cache_dir) {
  if (cache_dir.empty()) return;
  try {
    make_directories(cache_dir);
    LogitFileHeader header;
    std::memcpy(header.magic, kLogitsMagic, sizeof(header.magic));
    std::memcpy(header.key, key.data(), sizeof(header.key));
    const std::string checksum = checksum_of(key, bytes_of(logits));
    std::memcpy(header.checksum, checksum.data(), sizeof(header.checksum));
    AtomicFile file(path_of(key, cache_dir));
    file.write(&header, sizeof(header));
    file.write(bytes_of(logits));
    file.commit();
    limit_feature_cache(cache_dir);
  } catch (const Error& error) {
    log_warning("a teacher's logits are not cached (", error.what(),
                "); they are computed anew in each run");
  }
}

}  // namespace pals

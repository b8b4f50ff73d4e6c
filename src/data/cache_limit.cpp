#include "data/cache_limit.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.h"

namespace pals {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::hours kInUse{1};

struct CacheFile {
  fs::path path;
  fs::file_time_type used;
  uint64_t bytes = 0;
};

// KEY.features or KEY.logits with a key of 32 hexadecimal digits, or what AtomicFile calls it until
// it is whole.
bool is_cache_file(std::string_view name) {
  constexpr size_t kKey = 32;
  if (name.find_first_not_of("0123456789abcdef") != kKey) return false;
  name.remove_prefix(kKey);
  constexpr std::array<std::string_view, 2> kSuffixes = {".features", ".logits"};
  return std::ranges::any_of(kSuffixes, [&](std::string_view suffix) {
    return name == suffix || name.starts_with(concat(suffix, ".tmp."));
  });
}

// Others may write and remove files meanwhile: what cannot be read is left out.
std::vector<CacheFile> cache_files(const std::string& folder) {
  std::vector<CacheFile> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!is_cache_file(entry->path().filename().string())) continue;
    std::error_code missing;
    if (!entry->is_regular_file(missing)) continue;
    CacheFile file{entry->path(), entry->last_write_time(missing)};
    if (!missing) file.bytes = entry->file_size(missing);
    if (!missing) files.push_back(std::move(file));
  }
  return files;
}

}  // namespace

void mark_used(const std::string& cache_file) {
  std::error_code ignored;
  fs::last_write_time(cache_file, fs::file_time_type::clock::now(), ignored);
}

void limit_feature_cache(const std::string& cache_dir, uint64_t max_bytes) {
  std::vector<CacheFile> files = cache_files(cache_dir);
  std::ranges::sort(files, {}, &CacheFile::used);
  uint64_t total = 0;
  for (const CacheFile& file : files) total += file.bytes;
  const auto still_in_use = fs::file_time_type::clock::now() - kInUse;
  for (const CacheFile& file : files) {
    if (total <= max_bytes || file.used > still_in_use) return;
    std::error_code error;
    fs::remove(file.path, error);
    if (!error) total -= file.bytes;
  }
}

}  // namespace pals

// Keeps the folder of the feature cache from growing for ever.
#pragma once

#include <cstdint>
#include <string>

namespace pals {

/// What the cache may hold: GLUE in a dozen different ways.
constexpr uint64_t kFeatureCacheBytes = uint64_t{4} << 30;

/// Notes on a cache file that it is used now. A cache that cannot be written to stays as it is.
void mark_used(const std::string& cache_file);

/// Removes cache files, and what crashed runs left of them, from the one on whose use lies furthest
/// back, until the folder holds `max_bytes` at most. Files used in the last hour stay: runs at work
/// may need them again. So do files that are not the cache's.
void limit_feature_cache(const std::string& cache_dir, uint64_t max_bytes = kFeatureCacheBytes);

}  // namespace pals

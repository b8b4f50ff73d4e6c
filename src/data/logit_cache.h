// Logits of a teacher, kept in the feature cache under a hash of all they depend on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pals {

/// The key of what a model makes of features: `model` and `features` are hashes of the one and the
/// keys of the others, `how` is whatever else makes a difference.
std::string logit_key(std::string_view model, const std::vector<std::string>& features,
                      std::string_view how);

/// The logits of that key if the cache holds them, `count` of them. A damaged file is as good as
/// none, with a warning. An empty `cache_dir` means no cache.
std::optional<std::vector<float>> find_logits(const std::string& key, int64_t count,
                                              const std::string& cache_dir);

/// Keeps them for the next run. A cache that cannot be written is a warning. Safe beside other
/// runs.
void keep_logits(const std::string& key, const std::vector<float>& logits,
                 const std::string& cache_dir);

}  // namespace pals

// The features of a data file, kept on disk under a hash of all they depend on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "data/feature_file.h"
#include "features/features.h"
#include "tasks/task.h"
#include "text/tokenizer.h"

namespace pals {

/// The folder that --cache_dir names: for "auto" ${XDG_CACHE_HOME:-~/.cache}/pals/features, or
/// empty (no cache) if neither variable names a folder.
std::string feature_cache_dir(const std::string& name);

/// By what a file that was written to is told from what it was, without a second look at its bytes.
struct FileStamp {
  int64_t size = 0, seconds = 0, nanoseconds = 0;
  uint64_t inode = 0;

  bool operator==(const FileStamp&) const = default;
};

/// One data file on its way to features. The file is hashed when this is made, so that the steps
/// below agree on what they speak of. Fields are public to read.
struct FeatureRequest {
  /// Throws Error if the file cannot be read, UsageError for an impossible max_seq_length.
  FeatureRequest(const Task& task, const DataFile& file, const std::string& base_dir,
                 const Tokenizer& tokenizer, int max_seq_length);

  std::string path;       ///< the data file
  FileStamp stamp;        ///< of the file before it was hashed
  std::string file_hash;  ///< of its bytes
  std::string key;        ///< hash of the bytes and of whatever else makes a difference
  FeatureLimits limits;
};

/// The features of `request` if the cache holds them, otherwise null. A damaged cache file is as
/// good as none, with a warning. An empty `cache_dir` means no cache.
FeaturesPtr find_features(const FeatureRequest& request, const std::string& cache_dir);

/// Keeps `features` for the next run, unless the data file has changed since `request` was made. A
/// cache that cannot be written is a warning, given once. Safe beside other runs.
void keep_features(const FeatureRequest& request, const FeatureSet& features,
                   const std::string& cache_dir);

/// Says what was left out when features were made, and what is odd about their file.
void report_reading(const Task& task, const DataFile& file, const FeatureSet& features);

/// The features of one file of a task: from the cache, or read, encoded on `threads` threads (0:
/// all cores) and kept there. Throws Error as read_examples does.
FeaturesPtr load_features(const Task& task, const DataFile& file, const std::string& base_dir,
                          const Tokenizer& tokenizer, int max_seq_length,
                          const std::string& cache_dir, int threads = 0);

}  // namespace pals

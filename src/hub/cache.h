// The cache that huggingface_hub has, too: models--OWNER--NAME/{blobs,refs,snapshots}.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hub/model_name.h"

namespace pals {

/// A model's part of the cache. Files lie in blobs, each under its ETag; a snapshot is a folder of
/// relative links to them, named by its commit; a ref is a file that holds a branch's or tag's
/// commit.
class CachedModel {
 public:
  CachedModel(const std::string& cache, const ModelName& name);

  const std::string& cache() const { return cache_; }
  std::string snapshot(const std::string& commit) const;  ///< the folder's path
  std::string blob(const std::string& etag) const;        ///< the file's path
  std::string lock(const std::string& etag) const;        ///< of who writes that blob

  /// The commit of a branch or tag as far as it is known; a commit's is itself.
  std::optional<std::string> commit_of(const std::string& revision) const;
  void write_ref(const std::string& revision, const std::string& commit) const;

  /// Whether all that is to be fetched of a commit is here.
  bool is_whole(const std::string& commit) const;
  /// Says so. `names`: the files.
  void mark_whole(const std::string& commit, const std::vector<std::string>& names) const;

  /// Makes a file of a snapshot, a link to a blob. Throws Error.
  void link(const std::string& commit, const std::string& name, const std::string& etag) const;

 private:
  std::string cache_, folder_, name_;
};

/// Holds a file's lock as huggingface_hub does (flock), waiting for others. Throws Error, and
/// Stopped once the process was asked to stop.
class FileLock {
 public:
  explicit FileLock(const std::string& path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int descriptor_ = -1;
};

/// "hf://owner/name@commit" for the path of a snapshot in such a cache; another path as it is.
std::string name_of_snapshot(const std::string& path);

}  // namespace pals

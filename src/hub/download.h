// One file of a model: what the hub states of it, and its way into the cache.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "hub/cache.h"
#include "hub/http_client.h"

namespace pals {

/// What a hub states of a file.
struct FileFacts {
  std::string name;
  std::string url;
  std::string etag;   ///< its sha256, or the sha1 that git gives it
  uint64_t size = 0;  ///< in bytes
};

/// Asks for a file's facts, at a commit. Throws NetworkFailure, and Error for an answer without
/// sizes or checksums, or of another commit.
FileFacts ask_facts(HttpClient& client, const std::string& url, const std::string& name,
                    const std::string& commit);

/// Fetches a file into its blob: goes on where an earlier attempt ended, also of huggingface_hub's,
/// compares length and checksum, and only then gives it its name. Nothing where the blob is there.
/// `progress` is told how many bytes are there. Throws NetworkFailure once several attempts gained
/// nothing, and Error for a server that sends something else.
void fetch_blob(HttpClient& client, const FileFacts& file, const CachedModel& cached,
                const std::function<void(uint64_t)>& progress);

/// Throws Error unless a status is 2xx: what it means, and what to do. `what` is what was asked
/// for.
void check_status(const HttpHead& head, const std::string& what);

}  // namespace pals

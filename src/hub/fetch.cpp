#include "hub/fetch.h"

#include <cstdint>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/text_util.h"
#include "hub/download.h"
#include "hub/listing.h"

namespace pals {
namespace {

constexpr int kFetchAttempts = 3;
constexpr int64_t kAnswerSeconds = 120;
constexpr uint64_t kMegabyte = 1'000'000;

/// One model of one hub.
class ModelFetch {
 public:
  ModelFetch(const HubSettings& settings, const ModelName& name, const CachedModel& cached)
      : settings_(settings), name_(name), cached_(cached), client_(settings) {}

  /// Fetches what is missing; the commit.
  std::string run() {
    const ModelListing listing = ask_listing();
    const std::string& commit = listing.commit;
    if (is_commit(name_.revision) && name_.revision != commit) {
      fail(name_.text(), ": the server answers with another commit, ", commit);
    }
    if (!cached_.is_whole(commit)) fetch(listing);
    cached_.write_ref(name_.revision, commit);
    return commit;
  }

 private:
  ModelListing ask_listing() {
    const std::string url =
        concat(settings_.endpoint, "/api/models/", url_part(name_.repository(), true), "/revision/",
               url_part(name_.revision, false));
    std::string answer;
    with_retries(kFetchAttempts, [&] {
      answer.clear();
      HttpAsk ask{.url = url, .limit_seconds = kAnswerSeconds};
      ask.on_head = [&](const HttpHead& /*head*/) { answer.clear(); };
      ask.on_bytes = [&](std::string_view bytes) {
        if (answer.size() + bytes.size() > kMostListingBytes) fail(url, ": the answer has no end");
        answer += bytes;
      };
      check_status(client_.ask(std::move(ask)), concat(name_.text(), " at ", settings_.endpoint));
    });
    return parse_listing(answer, url);
  }

  void fetch(const ModelListing& listing) {
    const std::vector<std::string> names = wanted_files(listing.names, name_.text());
    const std::string files = concat(settings_.endpoint, "/", url_part(name_.repository(), true),
                                     "/resolve/", listing.commit, "/");
    std::vector<FileFacts> missing;
    uint64_t total = 0;
    for (const std::string& name : names) {
      if (file_exists(concat(cached_.snapshot(listing.commit), "/", name))) continue;
      with_retries(kFetchAttempts, [&] {
        missing.push_back(ask_facts(client_, files + url_part(name, true), name, listing.commit));
      });
      total += missing.back().size;
    }
    if (!missing.empty()) fetch_blobs(missing, total);
    // Last of all, so that a snapshot never holds half of what is wanted.
    for (const FileFacts& file : missing) cached_.link(listing.commit, file.name, file.etag);
    cached_.mark_whole(listing.commit, names);
  }

  void fetch_blobs(const std::vector<FileFacts>& files, uint64_t total) {
    log_info("fetching ", name_.repository(), " (",
             format_double(static_cast<double>(total) / kMegabyte, 1), " MB) into ",
             cached_.cache());
    const uint64_t megabytes = total / kMegabyte + 1;
    Progress progress({.label = "fetch", .unit = "MB", .total = megabytes});
    uint64_t before = 0;
    for (const FileFacts& file : files) {
      fetch_blob(client_, file, cached_,
                 [&](uint64_t bytes) { progress.update((before + bytes) / kMegabyte, file.name); });
      before += file.size;
    }
    progress.update(megabytes);
  }

  const HubSettings& settings_;
  const ModelName& name_;
  const CachedModel& cached_;
  HttpClient client_;
};

// The folder of what the cache has, if anything.
std::string cached_folder(const ModelName& name, const CachedModel& cached) {
  const std::optional<std::string> commit = cached.commit_of(name.revision);
  if (!commit || !directory_exists(cached.snapshot(*commit))) return {};
  return cached.snapshot(*commit);
}

std::string fetched_model(const ModelName& name) {
  const HubSettings settings = hub_settings();
  const CachedModel cached(settings.cache, name);
  if (is_commit(name.revision) && cached.is_whole(name.revision)) {
    return cached.snapshot(name.revision);
  }
  std::string here = cached_folder(name, cached);
  if (settings.offline) {
    if (!here.empty()) return here;
    fail(name.text(), ": not in ", settings.cache, ", and HF_HUB_OFFLINE forbids to fetch it");
  }
  try {
    return cached.snapshot(ModelFetch(settings, name, cached).run());
  } catch (const NetworkFailure& failure) {
    if (here.empty()) {
      fail(name.text(), ": ", failure.what(),
           "; what came is kept, the next run goes on from there");
    }
    log_warning(name.text(), ": ", failure.what(), "; the cached ", here, " is used");
    return here;
  }
}

}  // namespace

std::string local_model(const std::string& path_or_name) {
  if (!is_model_name(path_or_name)) return path_or_name;
  return fetched_model(parse_model_name(path_or_name));
}

}  // namespace pals

#include "hub/download.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/text_util.h"
#include "hub/digest.h"

namespace pals {
namespace {

constexpr int kAttempts = 5;                             // without a gain
constexpr uint64_t kGain = uint64_t{64} << 10;           // bytes
constexpr uint64_t kMostTextBytes = uint64_t{64} << 20;  // of a file that is no weights
constexpr uint64_t kMostBytes = uint64_t{256} << 30;
constexpr int kPartialContent = 206, kUnauthorized = 401, kForbidden = 403, kNotFound = 404,
              kRangeRefused = 416;
constexpr size_t kSha1Digits = 40, kSha256Digits = 64;

bool is_weights(const std::string& name) {
  return name.ends_with(".safetensors") || name.ends_with(".bin");
}

// W/"abc" and "abc" -> abc.
std::string bare_etag(std::string_view etag) {
  if (etag.starts_with("W/")) etag.remove_prefix(2);
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') {
    etag = etag.substr(1, etag.size() - 2);
  }
  return std::string(etag);
}

[[noreturn]] void fail_file(const std::string& path) {
  fail("cannot write ", path, ": ", std::strerror(errno));
}

/// A file that is being fetched, beside its final name.
class PartialFile {
 public:
  PartialFile(const FileFacts& file, std::string path)
      : file_(file), path_(std::move(path)), digest_(content_digest(file.etag, file.size)) {
    descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (descriptor_ < 0) fail_file(path_);
    try {
      take_in_earlier();
    } catch (...) {
      ::close(descriptor_);
      throw;
    }
  }
  ~PartialFile() { ::close(descriptor_); }
  PartialFile(const PartialFile&) = delete;
  PartialFile& operator=(const PartialFile&) = delete;

  uint64_t size() const { return size_; }
  bool resumed() const { return resumed_; }

  void restart() {
    if (::ftruncate(descriptor_, 0) != 0 || ::lseek(descriptor_, 0, SEEK_SET) != 0)
      fail_file(path_);
    size_ = 0;
    resumed_ = false;
    digest_ = content_digest(file_.etag, file_.size);
  }

  void append(std::string_view bytes) {
    if (bytes.size() > file_.size - size_) {
      fail(file_.url, ": the server sends more than the ", file_.size, " bytes that it stated");
    }
    digest_.update(bytes);
    size_ += bytes.size();
    while (!bytes.empty()) {
      const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail_file(path_);
      bytes.remove_prefix(static_cast<size_t>(written));
    }
  }

  /// Whether length and checksum are those that were stated.
  bool is_right() const {
    Digest digest = digest_;
    return size_ == file_.size && digest.hex() == file_.etag;
  }

  void finish(const std::string& path) const {
    if (::fsync(descriptor_) != 0) fail_file(path_);
    if (std::rename(path_.c_str(), path.c_str()) != 0) fail_file(path);
  }

 private:
  void take_in_earlier() {
    std::array<char, size_t{1} << 16> buffer;
    for (;;) {
      const ssize_t got = ::read(descriptor_, buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail_file(path_);
      if (got == 0) break;
      size_ += static_cast<uint64_t>(got);
      if (size_ > file_.size) return restart();
      digest_.update({buffer.data(), static_cast<size_t>(got)});
    }
    resumed_ = size_ > 0;
  }

  const FileFacts& file_;
  std::string path_;
  Digest digest_;
  int descriptor_ = -1;
  uint64_t size_ = 0;
  bool resumed_ = false;
};

// A part must be the one that was asked for, and a whole as long as was stated.
void check_lengths(const HttpHead& head, const FileFacts& file, const PartialFile& partial) {
  if (head.status == kPartialContent) {
    const std::string range = head.field("content-range");
    const std::string expected =
        concat("bytes ", partial.size(), "-", file.size - 1, "/", file.size);
    if (range == expected) return;
    fail(file.url, ": the server sends ", quote(range), ", expected ", quote(expected));
  }
  const std::string length = head.field("content-length");
  if (!length.empty() && length != concat(file.size)) {
    fail(file.url, ": the server sends ", quote(length), " bytes, expected the ", file.size,
         " that it stated");
  }
}

// One attempt.
void transfer(HttpClient& client, const FileFacts& file, PartialFile& partial,
              const std::function<void(uint64_t)>& progress) {
  HttpAsk ask{.url = file.url, .from = partial.size()};
  ask.on_head = [&](const HttpHead& head) {
    if (head.status != kPartialContent) partial.restart();
    check_lengths(head, file, partial);
  };
  ask.on_bytes = [&](std::string_view bytes) {
    partial.append(bytes);
    progress(partial.size());
  };
  const HttpHead head = client.ask(std::move(ask));
  if (head.status == kRangeRefused) {
    partial.restart();
    throw NetworkFailure(concat(file.url, ": the server refuses to go on where it ended"));
  }
  check_status(head, file.url);
  if (partial.size() < file.size) {
    throw NetworkFailure(
        concat(file.url, ": ended after ", partial.size(), " of ", file.size, " bytes"));
  }
}

void transfer_with_retries(HttpClient& client, const FileFacts& file, PartialFile& partial,
                           const std::function<void(uint64_t)>& progress) {
  uint64_t reached = partial.size();
  for (int failures = 0; partial.size() < file.size;) {
    try {
      transfer(client, file, partial, progress);
    } catch (const NetworkFailure& failure) {
      if (partial.size() >= reached + kGain) {
        reached = partial.size();
        failures = 0;
      }
      if (++failures >= kAttempts) throw;
      pause_before_retry(failures - 1, failure);
    }
  }
}

void check_space(const FileFacts& file, const std::string& path) {
  std::error_code error;
  const auto space = std::filesystem::space(std::filesystem::path(path).parent_path(), error);
  if (error || space.available >= file.size) return;
  fail(path, ": ", file.size / 1'000'000, " MB are to be fetched, and ",
       space.available / 1'000'000, " MB are free; make room, or set HF_HUB_CACHE");
}

bool has_size(const std::string& path, uint64_t size) {
  std::error_code error;
  return file_exists(path) && std::filesystem::file_size(path, error) == size && !error;
}

}  // namespace

void check_status(const HttpHead& head, const std::string& what) {
  if (head.status >= 200 && head.status < 300) return;
  if (head.status == kUnauthorized || head.status == kForbidden) {
    fail(what, ": the server refuses (", head.status,
         "): there is no such model, or it is private or gated; set HF_TOKEN to a token that may "
         "read it");
  }
  if (head.status == kNotFound) {
    fail(what, ": not there (404); look at its owner, name and revision");
  }
  fail(what, ": the server answered with status ", head.status);
}

FileFacts ask_facts(HttpClient& client, const std::string& url, const std::string& name,
                    const std::string& commit) {
  HttpHead head = client.ask({.url = url, .head_only = true}, true);
  const bool leads_on = !head.redirect.empty();  // to where large files lie, which is not asked
  if (!leads_on) check_status(head, url);
  const std::string linked = head.field("x-linked-etag"), size = head.field("x-linked-size");
  FileFacts facts{
      .name = name, .url = url, .etag = bare_etag(linked.empty() ? head.field("etag") : linked)};
  if (!is_hex(facts.etag, kSha1Digits) && !is_hex(facts.etag, kSha256Digits)) {
    fail(url, ": the server's ETag is ", quote(facts.etag),
         ", expected a sha1 or sha256: not a hub");
  }
  const std::string at = head.field("x-repo-commit");
  if (at != commit) {
    fail(url, ": the server's X-Repo-Commit is ", quote(at), ", expected ", commit);
  }
  const std::optional<int64_t> bytes =
      parse_int(size.empty() && !leads_on ? head.field("content-length") : size);
  const uint64_t most = is_weights(name) ? kMostBytes : kMostTextBytes;
  if (!bytes || *bytes < 0 || static_cast<uint64_t>(*bytes) > most) {
    fail(url, ": the server states a size of ", quote(size), ", expected at most ", most, " bytes");
  }
  facts.size = static_cast<uint64_t>(*bytes);
  return facts;
}

void fetch_blob(HttpClient& client, const FileFacts& file, const CachedModel& cached,
                const std::function<void(uint64_t)>& progress) {
  const std::string path = cached.blob(file.etag);
  const FileLock lock(cached.lock(file.etag));
  if (has_size(path, file.size)) return progress(file.size);
  make_directories(std::filesystem::path(path).parent_path().string());
  check_space(file, path);
  PartialFile partial(file, path + ".incomplete");
  progress(partial.size());
  transfer_with_retries(client, file, partial, progress);
  if (!partial.is_right() && partial.resumed()) {  // what was there may be damaged
    partial.restart();
    transfer_with_retries(client, file, partial, progress);
  }
  if (!partial.is_right()) {
    partial.restart();
    fail(file.url, ": what was fetched has another checksum than the server states (", file.etag,
         "); nothing of it is kept");
  }
  partial.finish(path);
}

}  // namespace pals

#include "hub/cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/output_path.h"
#include "base/signal.h"
#include "base/stopped.h"
#include "base/text_util.h"

namespace pals {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMostRefBytes = 4096, kMostListBytes = uint64_t{4} << 20;
constexpr std::string_view kOwnFolder = "/.pals/";  // huggingface_hub passes over it
constexpr std::string_view kModels = "models--", kSnapshots = "snapshots";

void make_folder_of(const std::string& path) {
  make_directories(fs::path(path).parent_path().string());
}

}  // namespace

CachedModel::CachedModel(const std::string& cache, const ModelName& name)
    : cache_(cache), folder_(cache + "/" + name.folder()), name_(name.folder()) {}

std::string CachedModel::snapshot(const std::string& commit) const {
  return concat(folder_, "/", kSnapshots, "/", commit);
}

std::string CachedModel::blob(const std::string& etag) const {
  return concat(folder_, "/blobs/", etag);
}

std::string CachedModel::lock(const std::string& etag) const {
  return concat(cache_, "/.locks/", name_, "/", etag, ".lock");
}

std::optional<std::string> CachedModel::commit_of(const std::string& revision) const {
  if (is_commit(revision)) return revision;
  const std::string path = concat(folder_, "/refs/", revision);
  if (!file_exists(path)) return std::nullopt;
  const std::string text = read_file(path, kMostRefBytes);
  if (!is_commit(trim(text))) fail(path, ": no commit, found ", quote(text));
  return std::string(trim(text));
}

void CachedModel::write_ref(const std::string& revision, const std::string& commit) const {
  if (is_commit(revision) || commit_of(revision) == commit) return;
  const std::string path = concat(folder_, "/refs/", revision);
  make_folder_of(path);
  write_file_atomically(path, commit);
}

bool CachedModel::is_whole(const std::string& commit) const {
  const std::string list = concat(folder_, kOwnFolder, commit);
  if (!file_exists(list)) return false;
  const std::string text = read_file(list, kMostListBytes);
  const std::vector<std::string_view> names = split(trim(text), '\n');
  return std::ranges::all_of(names, [&](std::string_view name) {
    return is_plain_file_name(name) && file_exists(concat(snapshot(commit), "/", name));
  });
}

void CachedModel::mark_whole(const std::string& commit,
                             const std::vector<std::string>& names) const {
  const std::string list = concat(folder_, kOwnFolder, commit);
  make_folder_of(list);
  write_file_atomically(list, join(names, "\n") + "\n");
}

void CachedModel::link(const std::string& commit, const std::string& name,
                       const std::string& etag) const {
  const std::string path = concat(snapshot(commit), "/", name);
  make_folder_of(path);
  std::string target = "../../";
  for (const char c : name) target += c == '/' ? "../" : "";
  target += "blobs/" + etag;
  // Beside its name first: another process may make the same one.
  const std::string fresh = temporary_name(path);
  std::error_code error;
  fs::create_symlink(target, fresh, error);
  if (!error) fs::rename(fresh, path, error);
  if (error) fail("cannot make the link ", path, ": ", error.message());
}

FileLock::FileLock(const std::string& path) {
  make_folder_of(path);
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail("cannot write ", path, ": ", std::strerror(errno));
  constexpr std::chrono::milliseconds kLook{100};
  for (bool told = false; ::flock(descriptor_, LOCK_EX | LOCK_NB) != 0;) {
    const int error_number = errno;
    if (error_number == EINTR) continue;
    if (error_number != EWOULDBLOCK || stop_signal() != 0) {
      ::close(descriptor_);
      if (error_number == EWOULDBLOCK)
        throw Stopped("stopped while another process fetched a model");
      fail("cannot lock ", path, ": ", std::strerror(error_number));
    }
    if (!told) log_info("waiting for another process that fetches this model (", path, ")");
    told = true;
    std::this_thread::sleep_for(kLook);
  }
}

FileLock::~FileLock() { ::close(descriptor_); }

std::string name_of_snapshot(const std::string& path) {
  const std::vector<std::string_view> parts = split(path, '/');
  const size_t end = parts.size() - (path.ends_with('/') ? 1 : 0);
  if (end < 3 || parts[end - 2] != kSnapshots || !is_commit(parts[end - 1])) return path;
  const std::string_view folder = parts[end - 3];
  if (!folder.starts_with(kModels)) return path;
  std::string repository(folder.substr(kModels.size()));
  const size_t between = repository.find("--");
  if (between != std::string::npos) repository.replace(between, 2, "/");
  std::string name = concat("hf://", repository, "@", parts[end - 1]);
  try {
    return parse_model_name(name).text();
  } catch (const UsageError&) {
    return path;
  }
}

}  // namespace pals

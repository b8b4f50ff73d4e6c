#include "train/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "checkpoint/safetensors.h"

namespace pals {
namespace {

constexpr std::string_view kEnding = ".safetensors";

void copy_into(const TensorFile& file, const char* name, const at::Tensor& target,
               const std::string& path) {
  const TensorEntry* entry = file.find(name);
  if (entry == nullptr || entry->numel() != target.numel())
    fail(path, ": no ", name, " of this model");
  const at::Tensor values = target.is_cpu() ? target : at::empty(target.sizes(), at::kFloat);
  copy_as_float(*entry, values.mutable_data_ptr<float>(), static_cast<size_t>(values.numel()));
  if (!target.is_cpu()) target.copy_(values);
}

}  // namespace

std::string layout_hash(const ParameterTable& table) {
  std::string text;
  for (const Parameter& row : table.rows()) {
    text += concat(row.name, ' ', shape_text(row.shape), ' ', row.offset, '\n');
  }
  return content_hash_hex(text);
}

RunLock::RunLock(const std::string& folder) {
  const std::string path = folder + "/.lock";
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail("cannot write ", path, ": ", std::strerror(errno));
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(descriptor_);
    fail(folder,
         ": another process is training in this folder; wait for it, or choose another "
         "--output_dir");
  }
}

RunLock::~RunLock() { ::close(descriptor_); }

CheckpointStore::CheckpointStore(std::string folder, int64_t keep)
    : folder_(std::move(folder)), keep_(std::max<int64_t>(1, keep)) {
  make_directories(folder_);
  for (const std::string& name : list_directory(folder_)) {
    if (name.find(".tmp.") != std::string::npos) {
      std::filesystem::remove(folder_ + "/" + name);
    }
  }
}

std::vector<std::string> CheckpointStore::files() const {
  std::vector<std::string> names;
  for (const std::string& name : list_directory(folder_)) {
    if (name.starts_with("step-") && name.ends_with(kEnding)) names.push_back(folder_ + "/" + name);
  }
  return names;  // sorted: the numbers have leading zeros
}

void CheckpointStore::save(const ParameterArena& arena, int64_t step, const Json& state) const {
  char name[48];
  std::snprintf(name, sizeof name, "/step-%010lld.safetensors", static_cast<long long>(step));
  const auto entry = [](const char* tensor_name, const at::Tensor& tensor) {
    return make_tensor_entry(tensor_name, DType::kF32, {tensor.numel()}, tensor.data_ptr<float>());
  };
  const at::Tensor weights = arena.weights().cpu(), first = arena.first_moment().cpu(),
                   second = arena.second_moment().cpu();
  const std::vector<TensorEntry> tensors = {entry("weights", weights), entry("first_moment", first),
                                            entry("second_moment", second)};
  write_safetensors(folder_ + name, tensors,
                    {{"layout", layout_hash(arena.table())}, {"state", state.dump()}});
  const std::vector<std::string> all = files();
  for (size_t i = 0; i + static_cast<size_t>(keep_) < all.size(); ++i) {
    std::filesystem::remove(all[i]);
  }
}

std::optional<Json> CheckpointStore::restore(ParameterArena& arena) const {
  const std::vector<std::string> all = files();
  for (auto path = all.rbegin(); path != all.rend(); ++path) {
    std::optional<TensorFile> file;
    try {
      file.emplace(read_safetensors(*path));
    } catch (const Error& error) {
      log_warning(concat(error.what(), "; trying an older checkpoint"));
      continue;
    }
    const auto& metadata = file->metadata();
    if (metadata.count("layout") == 0 || metadata.at("layout") != layout_hash(arena.table())) {
      fail(*path,
           ": a checkpoint of another model; choose another --output_dir, or "
           "--overwrite_output_dir");
    }
    copy_into(*file, "weights", arena.weights(), *path);
    copy_into(*file, "first_moment", arena.first_moment(), *path);
    copy_into(*file, "second_moment", arena.second_moment(), *path);
    arena.refresh_shadow();
    return parse_json(metadata.at("state"), *path);
  }
  return std::nullopt;
}

MetricsLog::MetricsLog(const std::string& path, int64_t first_step) : path_(path) {
  std::string kept;
  if (file_exists(path)) {
    const MappedFile old(path);
    std::string_view rest = old.bytes();
    while (!rest.empty()) {
      const size_t end = rest.find('\n');
      if (end == std::string_view::npos) break;  // an interrupted line
      const std::string_view line = rest.substr(0, end);
      rest.remove_prefix(end + 1);
      const Json json = Json::parse(line, nullptr, false);
      if (!json.is_object()) continue;
      const int64_t step = json.value("step", int64_t{-1});
      const int64_t after =
          std::max(json.value("after_step", int64_t{-1}), json.value("until_step", int64_t{-1}));
      if (step < first_step && after <= first_step) kept.append(line).push_back('\n');
    }
  }
  write_file_atomically(path, kept);
  file_.open(path, std::ios::app);
  if (!file_) fail(path, ": cannot be opened for writing: ", std::strerror(errno));
}

void MetricsLog::write(const OrderedJson& line) {
  file_ << line.dump() << '\n' << std::flush;
  if (!file_) fail(path_, ": cannot be written: ", std::strerror(errno));
}

}  // namespace pals

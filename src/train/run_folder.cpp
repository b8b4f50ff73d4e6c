#include "train/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/output_path.h"
#include "checkpoint/finite.h"
#include "checkpoint/safetensors.h"
#include "runlog/fields.h"

namespace pals {
namespace {

constexpr std::string_view kEnding = ".safetensors";

// Those of version 1 have no checksum.
constexpr const char* kCheckpointFormat = "2";

/// Not a damaged file, which would be passed over.
class OtherModel : public Error {
 public:
  using Error::Error;
};

std::string file_name(int64_t step) {
  char name[48];
  std::snprintf(name, sizeof name, "/step-%010lld.safetensors", static_cast<long long>(step));
  return name;
}

// Oldest first: the numbers have leading zeros.
std::vector<std::string> checkpoint_files(const std::string& folder) {
  std::vector<std::string> paths;
  for (const std::string& name : list_directory(folder)) {
    if (name.starts_with("step-") && name.ends_with(kEnding)) paths.push_back(folder + "/" + name);
  }
  return paths;
}

void remove_oldest(const std::vector<std::string>& files, int64_t keep) {
  for (int64_t i = 0; i + keep < std::ssize(files); ++i) {
    std::filesystem::remove(files[static_cast<size_t>(i)]);
  }
}

SoundCheckpoint read_sound_file(const std::string& path) {
  MappedFile mapping(path);
  const bool checked = verify_checksum(mapping.bytes(), path);
  TensorFile file = parse_safetensors(mapping.bytes(), path);
  file.keep(std::move(mapping));
  if (!checked && file.metadata().count("format") > 0) {
    fail(path, ": it has no checksum: it is damaged");
  }
  const auto state = file.metadata().find("state");
  if (state == file.metadata().end()) fail(path, ": it holds no state of a run");
  Json parsed = parse_json(state->second, path);
  return {path, std::move(file), std::move(parsed)};
}

// What a checkpoint holds.
std::vector<std::pair<const char*, at::Tensor>> kept_tensors(const ParameterArena& arena) {
  std::vector<std::pair<const char*, at::Tensor>> tensors = {
      {"weights", arena.weights()},
      {"first_moment", arena.first_moment()},
      {"second_moment", arena.second_moment()}};
  if (arena.average().defined()) tensors.emplace_back("average", arena.average());
  return tensors;
}

// Before anything is copied.
void check_tensors(const TensorFile& file, const ParameterArena& arena, const std::string& path) {
  for (const auto& [name, target] : kept_tensors(arena)) {
    const TensorEntry* entry = file.find(name);
    if (entry == nullptr || entry->numel() != target.numel() || entry->dtype != DType::kF32) {
      fail(path, ": no ", name, " of this model");
    }
    if (!all_finite(*entry)) fail(path, ": ", name, " holds a value that is not finite");
  }
}

void copy_into(const TensorFile& file, const char* name, const at::Tensor& target) {
  const at::Tensor values = target.is_cpu() ? target : at::empty(target.sizes(), at::kFloat);
  copy_as_float(*file.find(name), values.mutable_data_ptr<float>(),
                static_cast<size_t>(values.numel()));
  if (!target.is_cpu()) target.copy_(values);
}

}  // namespace

bool holds_checkpoints(const std::string& folder) {
  return directory_exists(folder) && !checkpoint_files(folder).empty();
}

int64_t largest_checkpoint_bytes(const std::string& folder) {
  int64_t largest = 0;
  if (!directory_exists(folder)) return largest;
  for (const std::string& path : checkpoint_files(folder)) {
    std::error_code error;
    const auto bytes = std::filesystem::file_size(path, error);
    if (!error) largest = std::max(largest, static_cast<int64_t>(bytes));
  }
  return largest;
}

std::string layout_hash(const ParameterTable& table) {
  std::string text;
  for (const Parameter& row : table.rows()) {
    text += concat(row.name, ' ', shape_text(row.shape), ' ', row.offset, '\n');
  }
  return content_hash_hex(text);
}

RunLock::RunLock(const std::string& folder) {
  const std::string path = folder + kLockName;
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
  remove_dead_temporaries(folder_);
}

std::vector<std::string> CheckpointStore::files() const {
  std::vector<std::string> paths = checkpoint_files(folder_);
  std::erase_if(paths, [&](const std::string& path) { return damaged_.contains(path); });
  return paths;
}

void CheckpointStore::save(const ParameterArena& arena, int64_t step, const Json& state) const {
  std::vector<std::pair<const char*, at::Tensor>> kept = kept_tensors(arena);
  std::vector<TensorEntry> tensors;
  for (auto& [name, tensor] : kept) {
    tensor = tensor.cpu();
    tensors.push_back(
        make_tensor_entry(name, DType::kF32, {tensor.numel()}, tensor.data_ptr<float>()));
  }
  const std::string path = folder_ + file_name(step);
  write_checked_safetensors(path, tensors,
                            {{"format", kCheckpointFormat},
                             {"layout", layout_hash(arena.table())},
                             {"state", state.dump()}});
  std::vector<std::string> older = files();
  std::erase(older, path);
  remove_oldest(older, keep_ - 1);
}

void CheckpointStore::prune(int64_t keep) const { remove_oldest(files(), keep); }

std::optional<Json> CheckpointStore::restore(ParameterArena& arena, const CheckState& check,
                                             std::optional<SoundCheckpoint> newest) {
  const std::vector<std::string> all = files();
  for (auto path = all.rbegin(); path != all.rend(); ++path) {
    try {
      SoundCheckpoint sound =
          newest && newest->path == *path ? std::move(*newest) : read_sound_file(*path);
      const TensorFile& file = sound.file;
      const auto& metadata = file.metadata();
      if (metadata.count("layout") == 0 || metadata.at("layout") != layout_hash(arena.table())) {
        throw OtherModel(concat(*path, ": a checkpoint of another model; choose another ",
                                "--output_dir, or --overwrite_output_dir"));
      }
      Json state = std::move(sound.state);
      if (*path != folder_ + file_name(count_field(state, "step", *path))) {
        fail(*path, ": its state is of step ", state.at("step").dump());
      }
      if (check) check(state, *path);
      check_tensors(file, arena, *path);
      for (const auto& [name, target] : kept_tensors(arena)) copy_into(file, name, target);
      arena.refresh_shadow();
      return state;
    } catch (const OtherModel&) {
      throw;
    } catch (const Error& error) {
      log_warning(concat(error.what(), "; trying an older checkpoint"));
      damaged_.insert(*path);
    }
  }
  return std::nullopt;
}

std::optional<SoundCheckpoint> newest_checkpoint(const std::string& folder) {
  if (!directory_exists(folder)) return std::nullopt;
  const std::vector<std::string> all = checkpoint_files(folder);
  for (auto path = all.rbegin(); path != all.rend(); ++path) {
    try {
      return read_sound_file(*path);
    } catch (const Error&) {
      // restore() will say what is wrong with it.
    }
  }
  return std::nullopt;
}

}  // namespace pals

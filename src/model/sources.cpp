#include "model/sources.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <initializer_list>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "base/text_util.h"
#include "checkpoint/load_tensor_file.h"

namespace pals {
namespace {

std::string first_existing(const std::string& folder, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (file_exists(folder + "/" + name)) return folder + "/" + name;
  }
  return {};
}

// The weights of a folder: by the usual names, else its only TensorFlow checkpoint.
std::string weights_in(const std::string& folder) {
  const std::string usual = first_existing(
      folder, {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin",
               "pytorch_model.bin.index.json", "bert_model.ckpt.index"});
  if (!usual.empty()) return usual;
  std::vector<std::string> indices;
  for (const std::string& name : list_directory(folder)) {
    if (name.ends_with(".index")) indices.push_back(name);
  }
  if (indices.size() > 1) {
    fail(folder, ": several TensorFlow checkpoints (", join(indices, ", "), "); name one of them");
  }
  if (indices.empty()) {
    fail(folder,
         ": no model.safetensors, pytorch_model.bin (or *.index.json of its shards) or TensorFlow ",
         "checkpoint (*.index) in ", "this folder");
  }
  return folder + "/" + indices.front();
}

// A folder without configuration that holds model folders, as a run's does: which one to give.
std::string model_below(const std::string& folder) {
  for (const char* name : {"/best", "/final"}) {
    if (file_exists(folder + name + "/config.json")) {
      return concat("; it looks like a run's folder: give ", folder, name);
    }
  }
  if (file_exists(folder + "/run_config.json")) {
    return concat("; the run has no model yet: ", folder,
                  "/best is written at its first evaluation");
  }
  return {};
}

// For a path that may be meant as the name of a model on a hub: how that is given.
std::string hub_hint(const std::string& path) {
  constexpr std::array kFiles = {".ckpt", ".bin", ".safetensors", ".json", ".index", ".pt", "/"};
  const bool is_path =
      path.starts_with(".") || path.starts_with("/") || path.starts_with("~") ||
      std::count(path.begin(), path.end(), '/') > 1 ||
      std::ranges::any_of(kFiles, [&](const char* end) { return path.ends_with(end); });
  if (is_path) return {};
  const bool has_owner = path.find('/') != std::string::npos;
  return concat("; a model on a hub is given as hf://", has_owner ? path : "OWNER/" + path);
}

}  // namespace

CheckpointSources find_checkpoint_sources(const std::string& path, const std::string& config,
                                          const std::string& vocabulary, const std::string& flag,
                                          bool needs_weights) {
  CheckpointSources sources;
  sources.config = config;
  sources.tokenizer.vocabulary = vocabulary;
  if (path.empty()) return sources;
  std::string place = path;
  if (directory_exists(path)) {
    sources.folder = path;
    const std::string own = first_existing(path, {"config.json", "bert_config.json"});
    if (!own.empty()) sources.config = own;
    if (sources.config.empty()) {
      fail(path, ": no config.json or bert_config.json in this folder", model_below(path));
    }
    if (needs_weights) sources.weights = weights_in(path);
  } else {
    const std::string whole = whole_of_part(path);
    if (!whole.empty()) fail(flag, ": ", path, " is a part of a checkpoint; give ", whole);
    sources.weights = find_tensor_file(path);
    if (sources.weights.empty())
      fail(flag, ": no file or folder ", path, ", and no ", path,
           ".index of a TensorFlow checkpoint", hub_hint(path));
    const std::filesystem::path parent = std::filesystem::path(path).parent_path();
    place = parent.empty() ? std::filesystem::path(".").string() : parent.string();
    if (config.empty()) {
      sources.config = first_existing(place, {"config.json", "bert_config.json"});
    }
  }
  sources.tokenizer = find_tokenizer_files(place);
  if (!vocabulary.empty()) sources.tokenizer.vocabulary = vocabulary;
  return sources;
}

}  // namespace pals

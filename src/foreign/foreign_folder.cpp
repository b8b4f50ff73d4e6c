#include "foreign/foreign_folder.h"

#include <initializer_list>

#include "base/error.h"
#include "base/file.h"
#include "base/text_util.h"
#include "checkpoint/load_tensor_file.h"
#include "foreign/hub.h"
#include "foreign/hub_head.h"
#include "foreign/peft.h"

namespace pals {
namespace {

constexpr const char* kAdapterConfig = "/adapter_config.json";
constexpr const char* kHeadConfigName = "/head_config.json";
constexpr uint64_t kLargestConfig = uint64_t{4} << 20;

// The first of these files that is there. Error if none is.
std::string file_of(const std::string& path, std::initializer_list<const char*> names,
                    const char* what) {
  std::vector<std::string> all;
  for (const char* name : names) {
    if (file_exists(concat(path, "/", name))) return concat(path, "/", name);
    all.emplace_back(name);
  }
  fail(path, ": no ", what, " (", join(all, " or "), ") in this folder");
}

}  // namespace

std::optional<Package> package_of(const std::string& path) {
  const std::string config = path + kAdapterConfig;
  if (!directory_exists(path) || !file_exists(config)) return std::nullopt;
  const Json json = read_json(config, kLargestConfig);
  if (!json.is_object()) return std::nullopt;
  if (json.contains("peft_type")) return Package::kPeft;
  if (json.contains("config") && json.contains("name")) return Package::kAdapters;
  return std::nullopt;
}

ForeignFolder read_foreign_folder(const std::string& path, Package package) {
  const std::string config = path + kAdapterConfig;
  const Json json = read_json(config, kLargestConfig);
  ForeignFolder folder;
  if (package == Package::kPeft) {
    folder.weights = load_tensor_file(
        file_of(path, {"adapter_model.safetensors", "adapter_model.bin"}, "weights"));
    folder.adapter = parse_peft_adapter(json, folder.weights, config);
    return folder;
  }
  folder.weights =
      load_tensor_file(file_of(path, {"adapter.safetensors", "pytorch_adapter.bin"}, "weights"));
  folder.adapter = parse_hub_adapter(json, folder.weights, config);
  const std::string head = file_of(path, {kHeadConfigName + 1}, "prediction head");
  folder.head = load_tensor_file(file_of(path, {"model_head.safetensors", "pytorch_model_head.bin"},
                                         "weights of the prediction head"));
  add_hub_head(read_json(head, kLargestConfig), folder.head, head, folder.adapter);
  return folder;
}

void write_foreign_files(const std::string& path, const ForeignAdapter& adapter, Package package,
                         int64_t num_layers) {
  if (package == Package::kPeft) {
    write_peft_folder(path, adapter);
    return;
  }
  write_hub_adapter(path, adapter, num_layers);
  write_hub_head(path, adapter);
}

}  // namespace pals

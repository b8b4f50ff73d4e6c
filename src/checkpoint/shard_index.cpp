#include "checkpoint/shard_index.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text_util.h"
#include "checkpoint/load_tensor_file.h"

namespace pals {
namespace {

constexpr std::string_view kWeightMap = "\"weight_map\"";

/// Which file each tensor lies in.
using WeightMap = std::map<std::string, std::string>;

bool is_plain_name(const std::string& name) {
  return !name.empty() && name.size() <= 255 && name.front() != '.' &&
         std::ranges::all_of(name, [](unsigned char c) {
           return c >= 0x20 && c != 0x7f && c != '/' && c != '\\' && c != ':';
         });
}

WeightMap parse_weight_map(std::string_view bytes, const std::string& where) {
  if (bytes.size() > kMaxShardIndexBytes) {
    fail(where, ": ", bytes.size(), " bytes; an index has at most ", kMaxShardIndexBytes);
  }
  const Json json = parse_json(bytes, where);
  const auto map = json.is_object() ? json.find("weight_map") : json.end();
  if (map == json.end() || !map->is_object() || map->empty()) {
    fail(where, ": expected an index with a \"weight_map\" from tensors to files");
  }
  WeightMap places;
  for (const auto& [tensor, file] : map->items()) {
    const std::string name = file.is_string() ? file.get<std::string>() : "";
    if (!is_plain_name(name)) {
      fail(where, ": tensor ", quote(tensor), " lies in ", quote(file.dump()),
           ", expected the name of a file in the same folder");
    }
    places.emplace(tensor, name);
  }
  return places;
}

std::vector<std::string> shards_of(const WeightMap& places, const std::string& where) {
  std::set<std::string> names;
  for (const auto& [tensor, file] : places) names.insert(file);
  if (names.size() > kMaxShards) {
    fail(where, ": ", names.size(), " files; an index names at most ", kMaxShards);
  }
  return {names.begin(), names.end()};
}

}  // namespace

bool looks_like_shard_index(std::string_view bytes) {
  constexpr size_t kNear = 4096;
  if (!bytes.starts_with('{')) return false;
  const std::string_view end = bytes.substr(bytes.size() - std::min(bytes.size(), kNear));
  return bytes.substr(0, kNear).find(kWeightMap) != std::string_view::npos ||
         end.find(kWeightMap) != std::string_view::npos;
}

std::vector<std::string> parse_shard_index(std::string_view bytes, const std::string& where) {
  return shards_of(parse_weight_map(bytes, where), where);
}

TensorFile read_sharded_file(const std::string& index_path) {
  const MappedFile index(index_path);
  const WeightMap places = parse_weight_map(index.bytes(), index_path);
  const std::filesystem::path folder = std::filesystem::path(index_path).parent_path();
  TensorFile all;
  for (const std::string& name : shards_of(places, index_path)) {
    const std::string path = (folder / name).string();
    if (!file_exists(path)) fail(index_path, ": shard ", quote(name), " is missing beside it");
    MappedFile mapping(path);
    TensorFile shard = parse_tensor_file(mapping.bytes(), path);
    for (const TensorEntry& entry : shard.tensors()) {
      const auto place = places.find(entry.name);
      if (place == places.end() || place->second != name) {
        fail(path, ": tensor ", quote(entry.name), ", which ", index_path, " does not place here");
      }
    }
    shard.keep(std::move(mapping));
    all.take(std::move(shard), path);
  }
  for (const auto& [tensor, file] : places) {
    if (all.find(tensor) == nullptr) {
      fail(index_path, ": tensor ", quote(tensor), " is not in ", quote(file),
           " as the index says; the download is incomplete or damaged");
    }
  }
  return all;
}

std::string index_of_shard(const std::string& path) {
  const std::filesystem::path file(path);
  const std::string name = file.filename().string(), ending = file.extension().string();
  const size_t of = name.rfind("-of-");  // model-00001-of-00002.safetensors
  const size_t number = of == std::string::npos || of == 0 ? of : name.rfind('-', of - 1);
  if (number == std::string::npos) return {};
  const std::string index =
      (file.parent_path() / (name.substr(0, number) + ending + ".index.json")).string();
  return file_exists(index) ? index : "";
}

}  // namespace pals

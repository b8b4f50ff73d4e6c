#include "draft/names.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "tasks/glue.h"
#include "tasks/task.h"

namespace pals {
namespace {

constexpr size_t kLongestName = 40;
constexpr std::string_view kWordBreaks = "-_. ";

std::optional<std::string> split_of(std::string_view word) {
  static const std::map<std::string, std::string, std::less<>> words = {
      {"train", "train"},    {"training", "train"}, {"dev", "dev"},  {"valid", "dev"},
      {"validation", "dev"}, {"val", "dev"},        {"eval", "dev"}, {"test", "test"}};
  const auto found = words.find(ascii_lower(word));
  if (found == words.end()) return std::nullopt;
  return found->second;
}

/// The name of a file without its endings.
std::string stem_of(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  const std::string unpacked = name.substr(0, unpacked_name(name).size());
  const std::string stem = std::filesystem::path(unpacked).stem().string();
  return stem.empty() ? unpacked : stem;
}

struct NameParts {
  std::string folder, rest;          ///< what files of a task have in common
  std::optional<std::string> split;  ///< nothing: the name does not say it
};

/// Cuts the word for the split out of a name.
NameParts parts_of(const std::string& path) {
  const std::filesystem::path whole = std::filesystem::absolute(path).lexically_normal();
  NameParts parts{.folder = whole.parent_path().string()};
  const std::string stem = stem_of(whole);
  for (size_t begin = 0; begin <= stem.size();) {
    const size_t end = std::min(stem.size(), stem.find_first_of(kWordBreaks, begin));
    const std::string word = stem.substr(begin, end - begin);
    const std::optional<std::string> split = parts.split ? std::nullopt : split_of(word);
    if (split) {
      parts.split = split;
    } else if (!word.empty()) {
      parts.rest += (parts.rest.empty() ? "" : "_") + word;
    }
    begin = end + 1;
  }
  if (parts.split) return parts;
  parts.split = split_of(whole.parent_path().filename().string());
  if (parts.split) parts.folder = whole.parent_path().parent_path().string();
  return parts;
}

/// Letters, digits and underscores, of which task files take names.
std::string as_task_name(const std::string& text) {
  std::string name;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain || c == '-') {
      name += c;
    } else if (!name.empty() && name.back() != '_') {
      name += '_';
    }
    if (name.size() == kLongestName) break;
  }
  while (name.ends_with('_')) name.pop_back();
  return name.empty() ? "task" : name;
}

bool has_a_meaning(const std::string& name) {
  const std::string lower = ascii_lower(name);
  return lower == "all" || lower == "inf" || lower == "single" ||
         std::ranges::find(glue_tasks(), lower, &Task::name) != glue_tasks().end();
}

}  // namespace

std::vector<FileGroup> group_files(const std::vector<std::string>& paths) {
  std::vector<FileGroup> groups;
  std::map<std::pair<std::string, std::string>, size_t> known;
  std::set<std::string> names;
  for (const std::string& path : paths) {
    const NameParts parts = parts_of(path);
    const auto [found, added] = known.emplace(std::pair(parts.folder, parts.rest), groups.size());
    if (added) {
      std::string name =
          as_task_name(parts.rest.empty() ? std::filesystem::path(parts.folder).filename().string()
                                          : parts.rest);
      if (has_a_meaning(name)) name = "my_" + name;
      std::string free = name;
      for (int number = 2; !names.insert(free).second; ++number) free = concat(name, "_", number);
      groups.push_back({.name = free, .split_said = false});
    }
    FileGroup& group = groups[found->second];
    if (parts.split) group.split_said = true;
    const std::string split = parts.split.value_or("train");
    std::string one = split;
    for (int number = 2;
         std::ranges::find(group.files, one, &NamedFile::split) != group.files.end(); ++number) {
      one = concat(split, "_", number);
    }
    group.files.push_back({path, one});
  }
  for (FileGroup& group : groups) {
    const auto rank = [](const NamedFile& file) {
      return file.split.starts_with("train") ? 0 : file.split.starts_with("dev") ? 1 : 2;
    };
    std::ranges::stable_sort(group.files, {}, rank);
  }
  return groups;
}

}  // namespace pals

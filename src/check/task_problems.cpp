#include "check/task_problems.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "catalog/data_file_json.h"
#include "catalog/task_file.h"
#include "check/task_places.h"

namespace pals {
namespace {

constexpr size_t kMostKeys = 100;  // of a task whose keys are left out one by one
constexpr const char* kTasks = "tasks";

/// Parses documents of one task.
class TaskParser {
 public:
  explicit TaskParser(const std::string& path)
      : path_(path), folder_(std::filesystem::path(path).parent_path().string()) {}

  /// The task, or the error.
  std::optional<Task> parse(const Json& object, std::string& message) const {
    try {
      return parse_task_file({{kTasks, Json::array({object})}}, path_, folder_).front();
    } catch (const Error& error) {
      message = error.what();
      return std::nullopt;
    }
  }

  /// The key without which the task is right, or has another fault, one that does not come of the
  /// key's absence; empty if there is none.
  std::string wrong_key(const Json& object, const std::string& message) const {
    if (!object.is_object() || object.size() > kMostKeys) return "";
    std::string other;
    for (const auto& [key, value] : object.items()) {
      if (key == "name" || key == "kind") continue;
      Json without = object;
      without.erase(key);
      std::string then;
      if (parse(without, then)) return key;
      const bool moved = then != message && then.find(quote(key)) == then.npos && !is_split(key);
      if (moved && other.empty()) other = key;
    }
    return other;
  }

 private:
  const std::string& path_;
  std::string folder_;
};

std::string name_of(const Json& object) {
  const bool named = object.is_object() && object.contains("name") && object["name"].is_string();
  return named ? object["name"].get<std::string>() : "";
}

/// A message without the name of its task, which stands beside it.
std::string without_task(std::string text, const std::string& name) {
  const std::string front = concat("task ", quote(name, 64));
  if (!text.starts_with(front)) return text;
  text.erase(0, front.size());
  return std::string(trim(text.substr(std::min(text.size(), text.find_first_not_of(":, ")))));
}

/// What stands in the document beside its tasks.
void check_root(Json document, const std::string& path, ProblemList& problems) {
  const Json sound = {{"name", "a"}, {"kind", "span"}, {"train", "a.json"}};
  document[kTasks] = Json::array({sound});
  while (document.size() > 1) {
    try {
      parse_task_file(document, path, "");
      return;
    } catch (const Error& error) {
      problems.add({Severity::kError, path, 0, "", take_apart(error.what(), path).text});
    }
    document.erase(document.begin().key() == kTasks ? std::next(document.begin())
                                                    : document.begin());
  }
}

}  // namespace

std::vector<PlacedTask> parse_tasks(const Json& document, std::string_view text,
                                    const std::string& path, ProblemList& problems) {
  std::vector<PlacedTask> tasks;
  const bool list = document.is_object() && document.contains(kTasks) &&
                    document[kTasks].is_array() && !document[kTasks].empty();
  if (!list || document[kTasks].size() > kMostTasks) {
    try {
      parse_task_file(document, path, "");
    } catch (const Error& error) {
      problems.add({Severity::kError, path, 0, "", take_apart(error.what(), path).text});
    }
    return tasks;
  }
  check_root(document, path, problems);
  const TaskParser parser(path);
  const std::vector<TaskPlace> places = places_of_tasks(text);
  std::map<std::string, int64_t> names;
  size_t objects = 0;
  for (Json object : document[kTasks]) {
    TaskPlace place;
    if (object.is_object() && objects < places.size()) place = places[objects++];
    const std::string name = name_of(object);
    const auto tell = [&](int64_t line, const std::string& message) {
      problems.add(
          {Severity::kError, path, line, name, without_task(take_apart(message, path).text, name)});
    };
    std::string message;
    std::optional<Task> task;
    while (!(task = parser.parse(object, message))) {
      const std::string key = parser.wrong_key(object, message);
      tell(place.line_of(key), message);
      if (key.empty()) break;
      object.erase(key);
    }
    if (!task) continue;
    const auto [known, added] = names.emplace(task->name, place.line);
    if (!added) {
      tell(place.line_of("name"), concat("a task of this name stands in line ", known->second,
                                         " already; each needs a name of its own"));
    }
    tasks.push_back({*std::move(task), place.line});
  }
  return tasks;
}

}  // namespace pals

// Where tasks and their keys stand in a task file.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pals {

/// Lines, from 1.
struct TaskPlace {
  int64_t line = 1;                     ///< of the task's opening brace
  std::map<std::string, int64_t> keys;  ///< of its keys, as they are written (with escapes)

  /// The line of a key, or of the task if there is none such.
  int64_t line_of(const std::string& key) const;
};

/// The objects in the list at "tasks" of a JSON document, in their order. `text` should be valid
/// JSON; of any other the result is meaningless.
std::vector<TaskPlace> places_of_tasks(std::string_view text);

}  // namespace pals

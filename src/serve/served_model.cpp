#include "serve/served_model.h"

#include "base/text_util.h"

namespace pals {

std::vector<int> ServedModel::all_tasks() const {
  std::vector<int> numbers;
  for (size_t i = 0; i < tasks.size(); ++i) {
    if (!tasks[i].name.empty()) numbers.push_back(static_cast<int>(i));
  }
  return numbers;
}

std::string ServedModel::task_list() const {
  std::vector<std::string> names;
  for (const int number : all_tasks()) names.push_back(tasks[static_cast<size_t>(number)].name);
  return join(names, ", ");
}

}  // namespace pals

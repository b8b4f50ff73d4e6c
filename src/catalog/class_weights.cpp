#include "catalog/class_weights.h"

#include <numeric>

#include "base/error.h"
#include "catalog/reader.h"
#include "kinds/kind.h"

namespace pals {
namespace {

std::vector<int64_t> count_classes(const Task& task, const std::string& base_dir) {
  std::vector<int64_t> counts(task.labels.size());
  const std::vector<const DataFile*> files = files_of(task, "train");
  if (files.empty()) {
    fail_usage("task ", task.name, ": \"balanced\" class weights need a \"train\" file to count");
  }
  for (const DataFile* file : files) {
    const std::vector<int64_t> in_file =
        kind_of(task).class_counts(task, read_examples(task, *file, base_dir));
    for (size_t i = 0; i < counts.size(); ++i) counts[i] += in_file[i];
  }
  return counts;
}

}  // namespace

void balance_classes(std::vector<Task>& tasks, const std::string& base_dir) {
  for (Task& task : tasks) {
    if (!task.loss.balanced) continue;
    const std::vector<int64_t> counts = count_classes(task, base_dir);
    const auto all = static_cast<double>(std::accumulate(counts.begin(), counts.end(), int64_t{0}));
    task.loss.balanced = false;
    task.loss.class_weights.clear();
    for (const int64_t count : counts) {
      const double even = static_cast<double>(counts.size()) * static_cast<double>(count);
      task.loss.class_weights.push_back(count == 0 ? 1.0 : all / even);
    }
  }
}

}  // namespace pals

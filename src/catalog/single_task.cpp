#include "catalog/single_task.h"

#include <filesystem>
#include <vector>

#include "base/error.h"
#include "base/text_util.h"
#include "catalog/task_json.h"
#include "kinds/kind.h"

namespace pals {
namespace {

constexpr const char* kWhere = "--kind";

/// A file as a task file would describe it; paths are relative to the working folder.
Json file_entry(const std::string& path, const Kind& kind) {
  Json file = kind.usual_columns(path);
  file["path"] = std::filesystem::absolute(path).lexically_normal().string();
  return file;
}

/// A task of --kind without files.
Json task_of_kind(TaskKind kind, const std::string& name, const KindSettings& settings) {
  const Kind& row = kind_of(kind);
  if (row.usual_name() == nullptr) {
    fail_usage(kWhere, " ", kind_name(kind), ": expected ", join(kinds_of_flags(), " or "),
               "; tasks of other kinds are described in a --task_file");
  }
  Json task = {{"name", name.empty() ? row.usual_name() : name}, {"kind", kind_name(kind)}};
  row.write_keys({.name = name, .kind = kind, .settings = settings}, task);
  return task;
}

}  // namespace

Task make_single_task(TaskKind kind, const std::string& name, const std::string& train_file,
                      const std::string& dev_file, const KindSettings& settings) {
  Json task = task_of_kind(kind, name, settings);
  if (train_file.empty() && dev_file.empty()) {
    fail_usage(kWhere, " ", kind_name(kind), " needs --train_file, --dev_file, or both");
  }
  if (!train_file.empty()) task["train"] = file_entry(train_file, kind_of(kind));
  if (!dev_file.empty()) task["dev"] = file_entry(dev_file, kind_of(kind));
  return task_from_json(task, kWhere);
}

Task make_task_of_kind(TaskKind kind, const KindSettings& settings) {
  return task_from_json(task_of_kind(kind, "", settings), kWhere);
}

}  // namespace pals

#include "tasks/single_task.h"

#include <filesystem>

#include "base/error.h"
#include "base/text_util.h"
#include "tasks/task_json.h"

namespace pals {
namespace {

constexpr const char* kWhere = "--kind";

/// A file as a task file would describe it; paths are relative to the working folder.
Json file_entry(const std::string& path, bool choices) {
  Json file = {{"path", std::filesystem::absolute(path).lexically_normal().string()}};
  if (!choices) return file;
  const std::string name = ascii_lower(path);
  if (name.ends_with(".jsonl") || name.ends_with(".ndjson")) {
    file.update({{"context", "context"}, {"choices", "choices"}, {"label", "label"}});
  } else {
    file.update({{"context", "sent1"}, {"start", "sent2"}, {"label", "label"}});
    for (int i = 0; i < 4; ++i) file["choices"].push_back(concat("ending", i));
  }
  return file;
}

/// A task of --kind without files.
Json task_of_kind(const std::string& kind, const std::string& name, const SpanOptions& span) {
  const std::vector<std::string> kinds = {kind_name(TaskKind::kSpan),
                                          kind_name(TaskKind::kMultipleChoice)};
  const bool is_span = kind == kinds[0];
  if (!is_span && kind != kinds[1]) {
    fail_usage(kWhere, " ", quote(kind), did_you_mean(kind, kinds), ": want ", join(kinds, " or "),
               "; other kinds are described in a --task_file");
  }
  Json task = {{"name", name.empty() ? (is_span ? "squad" : "swag") : name}, {"kind", kind}};
  if (is_span) task.update(span_to_json(span));
  return task;
}

}  // namespace

Task make_single_task(const std::string& kind, const std::string& name,
                      const std::string& train_file, const std::string& dev_file,
                      const SpanOptions& span) {
  Json task = task_of_kind(kind, name, span);
  if (train_file.empty() && dev_file.empty()) {
    fail_usage(kWhere, " ", kind, " needs --train_file, --dev_file, or both");
  }
  const bool choices = kind == kind_name(TaskKind::kMultipleChoice);
  if (!train_file.empty()) task["train"] = file_entry(train_file, choices);
  if (!dev_file.empty()) task["dev"] = file_entry(dev_file, choices);
  return task_from_json(task, kWhere);
}

Task make_task_of_kind(const std::string& kind, const SpanOptions& span) {
  return task_from_json(task_of_kind(kind, "", span), kWhere);
}

}  // namespace pals

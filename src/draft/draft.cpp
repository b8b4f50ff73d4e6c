#include "draft/draft.h"

#include <filesystem>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "draft/kind_draft.h"
#include "draft/names.h"
#include "draft/sample.h"

namespace pals {
namespace {

std::string path_from(const std::string& path, const std::string& folder) {
  const std::filesystem::path whole = std::filesystem::absolute(path).lexically_normal();
  const std::filesystem::path base =
      std::filesystem::absolute(folder.empty() ? "." : folder).lexically_normal();
  const std::string relative = whole.lexically_relative(base).string();
  return relative.empty() ? whole.string() : relative;
}

OrderedJson draft_group(const FileGroup& group, const std::string& folder, DraftedTasks& drafted) {
  const auto doubt = [&](const std::string& text) {
    drafted.doubts.push_back(concat("task ", quote(group.name), ": ", text));
  };
  std::vector<Sample> samples;
  for (const NamedFile& file : group.files) samples.push_back(read_sample(file.path));
  if (!group.files.front().split.starts_with("train")) {
    fail(group.files.front().path,
         ": no training file goes with it; names such as reviews-train.csv ",
         "and reviews-dev.csv, or train.csv and dev.csv, say which belong together");
  }
  KindDraft kind = draft_kind(group, samples);
  OrderedJson task = {{"name", group.name}};
  for (const auto& [key, value] : kind.keys.items()) task[key] = value;
  std::vector<std::string> files;
  bool has_dev = false;
  for (size_t i = 0; i < samples.size(); ++i) {
    const NamedFile& file = group.files[i];
    const std::string path = path_from(file.path, folder);
    OrderedJson entry = std::move(kind.files[i]);
    if (entry.empty()) {
      entry = path;
    } else {
      OrderedJson with_path = {{"path", path}};
      with_path.update(entry);
      entry = std::move(with_path);
    }
    task[file.split] = std::move(entry);
    files.push_back(concat(file.split, " ", path));
    has_dev = has_dev || file.split.starts_with("dev");
    if (samples[i].other_widths > 0) {
      doubt(concat(path, " has ", samples[i].other_widths,
                   " rows that cannot be read or have another number of columns than most"));
    }
    if (!samples[i].header_sure) {
      doubt(concat("the first row of ", path, " is taken for ",
                   samples[i].header ? "the names of its columns" : "data",
                   "; \"header\" says otherwise"));
    }
  }
  for (const std::string& text : kind.doubts) doubt(text);
  if (!group.split_said) {
    doubt(concat("no name says what the file is for; ", quote(files.front().substr(6)),
                 " is taken for training"));
  }
  if (!has_dev)
    doubt("no dev file, so there will be no scores; name one reviews-dev.csv or dev.csv");
  drafted.made.push_back(
      concat("task ", quote(group.name), ": ", kind.described, "; ", join(files, ", ")));
  return task;
}

}  // namespace

DraftedTasks draft_tasks(const std::vector<std::string>& paths, const std::string& folder) {
  if (paths.empty()) fail_usage("no files; want the data files of one or several tasks");
  DraftedTasks drafted;
  drafted.document["tasks"] = OrderedJson::array();
  for (const FileGroup& group : group_files(paths)) {
    drafted.document["tasks"].push_back(draft_group(group, folder, drafted));
  }
  return drafted;
}

}  // namespace pals

#include "draft/draft.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/text_util.h"
#include "draft/kind_draft.h"
#include "draft/names.h"
#include "draft/sample.h"

namespace pals {
namespace {

constexpr const char* kNotCounted = ", not counted elsewhere here; the first: ";

std::string path_from(const std::string& path, const std::string& folder) {
  const std::filesystem::path whole = std::filesystem::absolute(path).lexically_normal();
  const std::filesystem::path base =
      std::filesystem::absolute(folder.empty() ? "." : folder).lexically_normal();
  const std::string relative = whole.lexically_relative(base).string();
  return relative.empty() ? whole.string() : relative;
}

/// The paths without those of a file that has come before.
std::vector<std::string> each_once(const std::vector<std::string>& paths,
                                   std::vector<std::string>& doubts) {
  std::set<std::string> known;
  std::vector<std::string> once;
  for (const std::string& path : paths) {
    std::error_code error;
    const std::string whole = std::filesystem::weakly_canonical(path, error).string();
    if (known.insert(error ? path : whole).second) {
      once.push_back(path);
    } else {
      doubts.push_back(concat(path, " is given twice, and taken once"));
    }
  }
  return once;
}

/// An entry of a task file with another path.
OrderedJson with_path(OrderedJson entry, const std::string& path) {
  if (!entry.is_object()) return path;
  entry["path"] = path;
  return entry;
}

/// Whether keys of a task name that column.
bool names_column(const OrderedJson& keys, const std::string& name) {
  return std::any_of(keys.begin(), keys.end(), [&](const OrderedJson& value) {
    return value == name ||
           (value.is_array() && std::find(value.begin(), value.end(), name) != value.end());
  });
}

/// A file's path as an entry of a task file has it.
std::string path_in(const OrderedJson& entry) {
  return (entry.is_object() ? entry.at("path") : entry).get<std::string>();
}

/// Splits the training file of a drafted task; what was done.
std::string split_group(const FileGroup& group, const std::string& folder, const SplitRules& rules,
                        OrderedJson& task, DraftedTasks& drafted) {
  const auto trains = std::ranges::count_if(
      group.files, [](const NamedFile& file) { return file.split.starts_with("train"); });
  const std::string& path = group.files.front().path;
  if (trains > 1) {
    fail_usage("--dev_fraction: task ", quote(group.name), " has ", trains,
               " training files; join them, or give a dev file");
  }
  Json described = task;
  for (const NamedFile& file : group.files) described.erase(file.split);
  described["train"] = Json(with_path(task["train"], path));
  SplitFile split = split_file(described, rules);
  const OrderedJson entry = task["train"];
  const std::string ending =
      std::filesystem::path(path.substr(0, unpacked_name(path).size())).extension().string();
  const auto add = [&](const char* name, std::string bytes) {
    std::string file = concat(group.name, ".", name, ending);
    drafted.files.push_back({(std::filesystem::path(folder) / file).string(), std::move(bytes)});
    task[name] = with_path(entry, file);
    return file;
  };
  const std::string train = add("train", std::move(split.train));
  const std::string dev = add("dev", std::move(split.dev));
  return concat("task ", quote(group.name), ": of the ",
                counted(split.train_rows + split.dev_rows, "row"), " of ", path, " ",
                split.train_rows, " are in ", train, " and ", split.dev_rows, " in ", dev,
                split.faulty_rows > 0
                    ? concat(" (", counted(split.faulty_rows, "row"), " with a fault not counted)")
                    : "",
                "; --dev_fraction ", rules.dev_fraction, " --seed ", rules.seed);
}

/// What a person should look at in a file, which the task names as `path`.
std::vector<std::string> doubts_of(const Sample& sample, const std::string& path,
                                   const OrderedJson& keys) {
  std::vector<std::string> doubts;
  if (sample.left_out > 0) {
    doubts.push_back(concat(counted(static_cast<int64_t>(sample.left_out), "row"), " of ", path,
                            " cannot be read", kNotCounted, sample.first_fault));
  }
  for (const SampleColumn& column : sample.columns) {
    if (!names_column(keys, column.name)) continue;
    if (column.lacking > 0) {
      doubts.push_back(concat(counted(static_cast<int64_t>(column.lacking), "row"), " of ", path,
                              " without the key ", quote(column.name), kNotCounted, column.fault));
    }
    if (column.unlike > 0) {
      doubts.push_back(concat(counted(static_cast<int64_t>(column.unlike), "row"), " of ", path,
                              " with another kind of value for the key ", quote(column.name),
                              kNotCounted, column.unlike_fault));
    }
  }
  if (!sample.header_sure) {
    doubts.push_back(concat("the first row of ", path, " is taken for ",
                            sample.header ? "the names of its columns" : "data",
                            "; \"header\" says otherwise"));
  }
  return doubts;
}

OrderedJson draft_group(const FileGroup& group, const std::string& folder, const SplitRules& rules,
                        DraftedTasks& drafted) {
  const auto doubt = [&](const std::string& text) {
    drafted.doubts.push_back(concat("task ", quote(group.name), ": ", text));
  };
  const size_t before = drafted.doubts.size();
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
  std::vector<std::string> splits;
  bool has_dev = false;
  for (size_t i = 0; i < samples.size(); ++i) {
    const NamedFile& file = group.files[i];
    const std::string path = path_from(file.path, folder);
    OrderedJson entry = std::move(kind.files[i]);
    if (entry.empty()) {
      entry = path;
    } else {
      OrderedJson whole = {{"path", path}};
      whole.update(entry);
      entry = std::move(whole);
    }
    task[file.split] = std::move(entry);
    splits.push_back(file.split);
    has_dev = has_dev || file.split.starts_with("dev");
    for (const std::string& text : doubts_of(samples[i], path, kind.keys)) doubt(text);
  }
  for (const std::string& text : kind.doubts) doubt(text);
  const bool asked = rules.dev_fraction > 0.0;
  if (asked && has_dev) doubt("it has a dev file, so --dev_fraction splits nothing off");
  std::string division;
  if (asked && !has_dev) {
    division = split_group(group, folder, rules, task, drafted);
    splits.emplace_back("dev");
    const std::string& whole = group.files.front().path;
    const bool has_lines = std::any_of(
        drafted.doubts.begin() + static_cast<std::ptrdiff_t>(before), drafted.doubts.end(),
        [&](const std::string& text) { return text.find(whole + ":") != text.npos; });
    if (has_lines)
      doubt(concat("lines named here are those of ", whole, ", before it was divided"));
  } else if (!has_dev) {
    doubt(
        "no dev file, so there will be no scores; name one reviews-dev.csv or dev.csv, or split "
        "it off: --dev_fraction 0.1");
  }
  if (!group.split_said && division.empty()) {
    doubt(concat("no name says what the file is for; ", quote(path_in(task["train"])),
                 " is taken for training"));
  }
  std::vector<std::string> files;
  for (const std::string& split : splits) {
    files.push_back(concat(split, " ", path_in(task[split])));
  }
  drafted.made.push_back(
      concat("task ", quote(group.name), ": ", kind.described, "; ", join(files, ", ")));
  if (!division.empty()) drafted.made.push_back(division);
  return task;
}

}  // namespace

void require_data_files(const std::vector<std::string>& paths) {
  if (paths.empty()) fail_usage("no files; want the data files of one or several tasks");
  for (const std::string& path : paths) const MappedFile file(path);
}

DraftedTasks draft_tasks(const std::vector<std::string>& paths, const std::string& folder,
                         const SplitRules& rules) {
  require_data_files(paths);
  DraftedTasks drafted;
  drafted.document["tasks"] = OrderedJson::array();
  for (const FileGroup& group : group_files(each_once(paths, drafted.doubts))) {
    drafted.document["tasks"].push_back(draft_group(group, folder, rules, drafted));
  }
  return drafted;
}

}  // namespace pals

#include "train/check_options.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/names.h"
#include "base/output_path.h"
#include "base/text_util.h"
#include "runlog/finished_run.h"

namespace pals {
namespace {

// Answers to a span task: of the only set, or with its task's name and split in front.
bool holds_answers(std::string_view name) {
  for (const std::string_view ending :
       {"nbest_predictions.json", "predictions.json", "null_odds.json"}) {
    if (!name.ends_with(ending)) continue;
    const std::string_view set = name.substr(0, name.size() - ending.size());
    return set.empty() || (set.ends_with('_') && set.find("_dev") != std::string_view::npos);
  }
  return false;
}

bool is_of_a_run(const std::string& name) {
  constexpr std::array kNames = {kCheckpointsName,    "/best",      "/best_tasks",   "/final",
                                 kResultsName,        kMetricsName, kRunConfigName,  kIdentityName,
                                 kDevPredictionsName, kReportName,  kTensorboardName};
  return holds_answers(name) ||
         std::ranges::any_of(kNames, [&](const char* known) { return name == known + 1; });
}

// What is none of the run's stays, and is named.
void remove_run(const std::string& folder) {
  std::vector<std::string> kept;
  for (const std::string& name : list_directory(folder)) {
    if (!is_of_a_run(name)) {
      if (name != kLockName + 1) kept.push_back(name);
      continue;
    }
    std::error_code error;
    std::filesystem::remove_all(folder + "/" + name, error);
    if (error) fail(folder, "/", name, ": cannot be removed: ", error.message());
  }
  if (kept.empty()) return;
  constexpr size_t kNamed = 5;
  const std::string more =
      kept.size() > kNamed ? concat(" and ", kept.size() - kNamed, " more") : "";
  kept.resize(std::min(kept.size(), kNamed));
  log_info(folder, ": not of a run and left as they are: ", join(kept, ", "), more);
}

// What the run that will go on was told; nothing where one begins anew.
std::optional<Json> recorded_options(const TrainOptions& options) {
  const std::string path = options.output_dir + kRunConfigName;
  if (options.overwrite_output_dir || options.output_dir.empty() || !file_exists(path) ||
      !has_progress(options.output_dir)) {
    return std::nullopt;
  }
  try {
    Json recorded = read_json(path);
    if (!recorded.is_object()) fail(path, ": got ", recorded.type_name(), ", want an object");
    return recorded;
  } catch (const Error& error) {
    fail(error.what(), "; the file is damaged: remove it and give the same command, and the run ",
         "goes on, since its checkpoints tell its options, too");
  }
}

// What to do about a number of steps that differs; empty if there is more that does.
std::string advice_on_length(const TrainOptions& options, const std::vector<std::string>& names,
                             const std::optional<RunLength>& length) {
  constexpr std::array kOfLength = {"max_steps", "num_train_epochs", "steps_per_epoch"};
  const bool of_length = std::ranges::all_of(names, [&](const std::string& name) {
    return std::ranges::find(kOfLength, name) != kOfLength.end();
  });
  if (!of_length || !length) return {};
  if (options.polish_epochs > 0) return "; a run with --polish_epochs does not become longer";
  return concat("; a finished run takes a larger --max_steps alone (this one: step ", length->step,
                " of ", length->total_steps, ")");
}

}  // namespace

std::string named_values(const std::vector<std::string>& names, const Json& recorded,
                         const Json& current) {
  constexpr size_t kWithValues = 2, kValueBytes = 20;
  const auto value = [](const Json& options, const std::string& name) {
    const std::string text = options.contains(name) ? json_text(options[name], -1) : "not given";
    return text.size() > kValueBytes ? text.substr(0, kValueBytes) + "..." : text;
  };
  std::vector<std::string> texts;
  for (const std::string& name : names) {
    const bool with_values = texts.size() < kWithValues;
    texts.push_back(
        with_values ? concat(name, " (", value(recorded, name), ", now ", value(current, name), ")")
                    : name);
  }
  return join(texts, ", ");
}

bool has_progress(const std::string& folder) {
  const std::string checkpoints = folder + kCheckpointsName, log = folder + kMetricsName;
  return file_exists(folder + kResultsName) ||
         (file_exists(log) && std::filesystem::file_size(log) > 0) ||
         (directory_exists(checkpoints) && !list_directory(checkpoints).empty());
}

std::optional<Sampling> recorded_sampling(const TrainOptions& options) {
  const std::optional<Json> recorded = recorded_options(options);
  if (!recorded || !recorded->is_object()) return std::nullopt;
  const auto sample = recorded->find("sample");
  if (sample == recorded->end() || !sample->is_string()) return std::nullopt;
  return from_name<Sampling>(sample->get<std::string>());
}

void check_run_folder(const TrainOptions& options, const std::optional<RunLength>& length) {
  const std::string& folder = options.output_dir;
  const std::optional<Json> recorded = recorded_options(options);
  if (!recorded) return;
  const Json current = options_to_json(options);
  std::vector<std::string> names = differing_options(*recorded, current);
  if (lengthens(options, length)) std::erase(names, "max_steps");
  if (names.empty()) return;
  if (names == std::vector<std::string>{"max_steps"} && length && !length->finished() &&
      is_finished_run(folder)) {
    fail_usage(folder, ": this run ended early, after step ", length->step, " of ",
               length->total_steps, "; --early_stopping 0 alone lets it go on to its end, and a ",
               "larger --max_steps comes after that");
  }
  fail_usage(folder, " holds a run with other values of ", named_values(names, *recorded, current),
             "; give the same to go on with it, another --output_dir, or --overwrite_output_dir",
             advice_on_length(options, names, length));
}

std::unique_ptr<RunLock> open_run_folder(const TrainOptions& options) {
  const std::string& folder = options.output_dir;
  make_directories(folder);
  auto lock = std::make_unique<RunLock>(folder);
  for (const char* part : {"", "/best_tasks", kDevPredictionsName}) {
    remove_dead_temporaries(folder + part);
  }
  remove_dead_temporaries(folder + kDevPredictionsName + "/last");
  if (options.overwrite_output_dir) remove_run(folder);
  write_file_atomically(folder + kRunConfigName, json_text(options_to_json(options)));
  return lock;
}

}  // namespace pals

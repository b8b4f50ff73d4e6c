#include "report/run_data.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/text_util.h"
#include "catalog/task_json.h"
#include "runlog/file_names.h"
#include "runlog/metrics.h"

namespace pals {
namespace {

// No run of ours has more; a file that somebody made up may not fill the memory.
constexpr size_t kMostLines = 20'000, kMostTasks = 1'000;
constexpr uint64_t kMostPredictionBytes = uint64_t{256} << 20;

template <typename Record>
void keep(std::vector<Record>& records, const Record& record) {
  if (records.size() < kMostLines) records.push_back(record);
}

void take_step(const StepRecord& step, RunHistory& history) {
  history.steps = std::max(history.steps, step.step + 1);
  history.rows = bounded_sum(history.rows, step.rows);
  history.learning_rates.add(static_cast<double>(step.step), step.learning_rate);
  if (history.tasks.size() >= kMostTasks && !history.tasks.contains(step.task)) return;
  TaskSteps& task = history.tasks[step.task];
  task.losses.add(static_cast<double>(step.step), step.loss);
  task.rows = bounded_sum(task.rows, step.rows);
  task.tokens = bounded_sum(task.tokens, step.tokens);
}

/// Has `read` fill in a part; what it throws is a note.
template <typename Read>
void try_reading(RunData& run, const Read& read) {
  try {
    read();
  } catch (const std::exception& error) {
    run.notes.push_back(concat(error.what(), "."));
  }
}

Json object_of(const std::string& path) {
  Json json = read_json(path);
  if (!json.is_object()) fail(path, ": expected a JSON object");
  return json;
}

void read_history(RunData& run) {
  const std::string path = run.folder + kMetricsName;
  if (!file_exists(path)) {
    run.notes.emplace_back("There is no metrics.jsonl: no losses, rates or times.");
    return;
  }
  const MappedFile file(path);
  run.history = parse_history(file.bytes());
  if (run.history.damaged > 0) {
    run.notes.push_back(concat("metrics.jsonl has ", run.history.damaged, " damaged lines."));
  }
  if (run.history.starts.empty()) {
    run.notes.push_back(concat(
        "metrics.jsonl is of version ", run.history.version,
        ", which says nothing of the command, the parameters, the sampling and where time went."));
  }
}

void read_results(RunData& run) {
  const std::string path = run.folder + kResultsName;
  run.finished = file_exists(path);
  if (!run.finished) return;
  run.results = parse_results(read_json(path), path);
  run.finished = run.results->finished;
}

// Of the best model, or the last one; the folders of a run all have the same tasks.
void read_tasks(RunData& run) {
  for (const char* folder : {"/best", "/final"}) {
    const std::string path = concat(run.folder, folder, "/tasks.json");
    if (!file_exists(path)) continue;
    const Json json = object_of(path);
    if (!json.contains("tasks") || !json["tasks"].is_array()) {
      fail(path, ": expected {\"tasks\": [...]}");
    }
    for (const Json& task : json["tasks"]) run.tasks.push_back(task_from_json(task, path));
    return;
  }
  if (directory_exists(run.folder + kDevPredictionsName)) {
    run.notes.emplace_back("There is no model folder yet: errors are shown without their texts.");
  }
}

void read_predictions(RunData& run) {
  const std::string folder = run.folder + kDevPredictionsName;
  if (!directory_exists(folder)) {
    run.notes.emplace_back(
        "There are no dev_predictions: nothing to say of classes, calibration and errors.");
    return;
  }
  for (const std::string& name : list_directory(folder)) {
    if (!name.ends_with(".jsonl") || run.predictions.size() >= kMostTasks) continue;
    try_reading(run, [&] {
      const std::string path = concat(folder, "/", name);
      const MappedFile file(path);
      if (file.bytes().size() > kMostPredictionBytes) {
        fail(path, ": it has ", file.bytes().size(), " bytes, at most ", kMostPredictionBytes,
             " are read");
      }
      std::vector<std::string> damaged;
      run.predictions.push_back(parse_predictions(file.bytes(), path, damaged));
      if (!damaged.empty()) {
        run.notes.push_back(concat(path, ": ", damaged.size(),
                                   " damaged lines, the first: ", damaged.front(), "."));
      }
    });
  }
}

// As the run names its tasks, those that it does not name last.
void sort_predictions(RunData& run) {
  const std::string names = run.option_text("tasks");
  const std::vector<std::string_view> order = split(names, ',');
  std::ranges::stable_sort(run.predictions, std::ranges::less(), [&](const TaskPredictions& task) {
    return std::ranges::find(order, task.head.task) - order.begin();
  });
}

std::string name_of_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::path path = std::filesystem::weakly_canonical(folder, error);
  if (error) path = folder;
  return path.filename().empty() ? path.parent_path().filename() : path.filename();
}

}  // namespace

RunHistory parse_history(std::string_view bytes) {
  RunHistory history;
  MetricsReader reader(bytes);
  MetricsRecord record;
  while (reader.next(record)) {
    if (const auto* step = std::get_if<StepRecord>(&record)) {
      take_step(*step, history);
    } else if (const auto* version = std::get_if<VersionRecord>(&record)) {
      history.version = version->version;
    } else if (const auto* start = std::get_if<StartRecord>(&record)) {
      keep(history.starts, *start);
    } else if (const auto* epoch = std::get_if<EpochRecord>(&record)) {
      keep(history.epochs, *epoch);
    } else if (const auto* evaluation = std::get_if<EvaluationRecord>(&record)) {
      keep(history.evaluations, *evaluation);
    } else if (const auto* time = std::get_if<TimeRecord>(&record)) {
      if (history.times.size() >= kMostLines) continue;
      history.times.push_back(*time);
      history.progress.emplace_back(history.steps, history.rows);
    } else if (const auto* speed = std::get_if<SpeedRecord>(&record)) {
      history.speed = *speed;
    } else if (!std::get<DamagedLine>(record).unfinished) {
      ++history.damaged;
    }
  }
  return history;
}

const Task* RunData::find_task(const std::string& name) const {
  const auto found = std::ranges::find(tasks, name, &Task::name);
  return found == tasks.end() ? nullptr : &*found;
}

std::string RunData::data_hash(const std::string& task, const std::string& split) const {
  const auto data = identity.find("data");
  if (data == identity.end() || !data->is_object()) return "";
  const auto hash = data->find(concat("content of ", task, "'s ", split, " file"));
  return hash != data->end() && hash->is_string() ? hash->get<std::string>() : "";
}

int64_t RunData::parameters() const {
  if (history.starts.empty()) return 0;
  const StartRecord& start = history.starts.back();
  int64_t sum = 0;
  for (const auto& [part, count] : start.shared) sum = bounded_sum(sum, count);
  for (const auto& [task, parts] : start.own) {
    for (const auto& [part, count] : parts) sum = bounded_sum(sum, count);
  }
  return sum;
}

std::string RunData::option_text(const char* name) const {
  const auto value = options.find(name);
  if (value == options.end()) return "";
  return value->is_string() ? value->get<std::string>() : json_text(*value, -1);
}

bool holds_run(const std::string& folder) {
  constexpr std::array kNames = {kRunConfigName, kMetricsName, kResultsName, kIdentityName};
  return std::ranges::any_of(kNames, [&](const char* name) { return file_exists(folder + name); });
}

std::vector<std::string> runs_below(const std::string& folder) {
  std::vector<std::string> runs;
  if (!directory_exists(folder)) return runs;
  for (const std::string& name : list_directory(folder)) {
    const std::string path = concat(folder, "/", name);
    if (directory_exists(path) && holds_run(path)) runs.push_back(path);
  }
  return runs;
}

RunData read_run(const std::string& folder) {
  RunData run{.folder = folder, .name = name_of_folder(folder)};
  if (!holds_run(folder)) {
    fail_usage(folder, ": it holds no run (no ", kRunConfigName + 1, ", ", kMetricsName + 1, " or ",
               kResultsName + 1, "); give the --output_dir of `pals train`");
  }
  try_reading(run, [&] { run.options = object_of(folder + kRunConfigName); });
  if (file_exists(folder + kIdentityName)) {
    try_reading(run, [&] { run.identity = object_of(folder + kIdentityName); });
  } else {
    run.notes.emplace_back("There is no identity.json: content of data and weights is not known.");
  }
  try_reading(run, [&] { read_history(run); });
  try_reading(run, [&] { read_results(run); });
  try_reading(run, [&] { read_tasks(run); });
  try_reading(run, [&] { read_predictions(run); });
  sort_predictions(run);
  return run;
}

}  // namespace pals

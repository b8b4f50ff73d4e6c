#include "train/teachers.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/text_util.h"
#include "catalog/same_task.h"
#include "data/feature_cache.h"
#include "data/logit_cache.h"
#include "kinds/kind.h"
#include "model/model_runner.h"
#include "model/open.h"
#include "modules/precision.h"
#include "predict/run.h"
#include "tasks/task_selection.h"

namespace pals {
namespace {

/// Of all files of a model folder but what is written for people.
std::string folder_hash(const std::string& folder) {
  namespace fs = std::filesystem;
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() || entry.path().extension() == ".md") continue;
    names.push_back(fs::relative(entry.path(), folder).string());
  }
  std::ranges::sort(names);
  Hasher128 hasher;
  for (const std::string& name : names) {
    hasher.update(concat(name.size(), ":", name, file_hash_hex(concat(folder, "/", name))));
  }
  return hasher.hex();
}

/// The task of that name, or the only one.
int own_task_of(const std::vector<Task>& tasks, const TeacherFlag& flag) {
  const auto found = std::ranges::find(tasks, flag.task, &Task::name);
  if (found != tasks.end()) return static_cast<int>(found - tasks.begin());
  if (tasks.size() == 1) return 0;
  fail("--teacher ", flag.task, "=", flag.folder, ": the folder has no task ", flag.task, ", but ",
       join(task_names(tasks), ", "), "; give one with that task, or with one task alone");
}

Teacher find_teacher(const TeacherFlag& flag, const std::vector<Task>& tasks) {
  const std::string where = concat("--teacher ", flag.task, "=", flag.folder);
  const auto found = std::ranges::find(tasks, flag.task, &Task::name);
  if (found == tasks.end()) {
    fail_usage(where, ": the run has no task ", quote(flag.task),
               did_you_mean(flag.task, task_names(tasks)));
  }
  if (!kind_of(*found).learns_from_teacher()) {
    fail_usage(where, ": a task of kind ", kind_name(found->kind), " has no teacher; those of ",
               join(kinds_with_teacher(), ", "), " may have one");
  }
  const OpenedModel opened = open_trained_folder({.path = flag.folder, .flag = "--teacher"});
  const std::vector<Task>& own = opened.description.tasks;
  Teacher teacher{.task = static_cast<int>(found - tasks.begin()),
                  .own_task = own_task_of(own, flag),
                  .folder = flag.folder,
                  .hash = folder_hash(flag.folder),
                  .order = {}};
  teacher.order = match_task(own[static_cast<size_t>(teacher.own_task)], *found, where,
                             "; give a teacher of the same task");
  return teacher;
}

/// Rows of logits with the outputs in another order.
std::vector<float> ordered(std::vector<float> logits, const std::vector<int64_t>& order) {
  if (order.empty()) return logits;
  const size_t width = order.size();
  std::vector<float> row(width);
  for (size_t first = 0; first + width <= logits.size(); first += width) {
    for (size_t k = 0; k < width; ++k) row[k] = logits[first + static_cast<size_t>(order[k])];
    std::ranges::copy(row, logits.begin() + static_cast<int64_t>(first));
  }
  return logits;
}

/// A task's training files as a teacher reads them.
struct TeacherRows {
  std::vector<std::string> keys;  ///< of their features
  FeaturesPtr features;
};

/// The run's own features where the teacher would make the same.
TeacherRows read_rows(const Task& task, const std::vector<int64_t>& jobs,
                      const std::vector<FeatureJob>& files, const LoadedModel& loaded,
                      const TrainOptions& options, const FeatureStore& store) {
  TeacherRows rows;
  std::vector<FeaturesPtr> parts;
  const int length = loaded.description.max_seq_length;
  for (const int64_t job : jobs) {
    const DataFile& file = files[static_cast<size_t>(job)].file;
    const FeatureRequest request(task, file, options.data_dir, *loaded.tokenizer, length);
    rows.keys.push_back(request.key);
    const FeaturesPtr own = store.features(job).get();
    if (request.key == store.hashes(job).key) {
      parts.push_back(own);
      continue;
    }
    parts.push_back(load_features(task, file, options.data_dir, *loaded.tokenizer, length,
                                  feature_cache_dir(options.cache_dir), options.threads));
    if (parts.back()->num_rows() != own->num_rows()) {
      fail("the teacher of task ", task.name, " makes ", parts.back()->num_rows(), " rows of ",
           file.path, ", the run ", own->num_rows(), "; give one with the same tokenizer");
    }
  }
  rows.features =
      parts.size() == 1 ? parts.front() : std::make_shared<const FeatureSet>(join_features(parts));
  return rows;
}

/// Each rank runs its share of the batches, and all get the whole.
std::vector<float> run_teacher(const LoadedModel& loaded, int task, const FeaturesPtr& features,
                               int64_t batch_size, const World& world) {
  const int64_t rows = features->num_rows();
  int64_t done = 0;
  Progress progress({.label = "teacher", .unit = "rows", .total = static_cast<uint64_t>(rows)});
  const auto show = [&](const EvaluationLoader&, const PackedBatch& batch, const RunOutputs&) {
    done = std::min(rows, done + batch.num_rows() * world.size());
    progress.update(static_cast<uint64_t>(done));
  };
  const std::vector<AskedRows> asked = {AskedRows{features, {task}}};
  auto logits = run_rows(ModelRunner(*loaded.model), asked,
                         {.batch_size = batch_size,
                          // Many ranks agree on a stop at the first step.
                          .stop = world.alone() ? world.stop() : std::stop_token(),
                          .share = {.first = world.rank(), .stride = world.size()},
                          .after_batch = show});
  std::vector<float> result = std::move(logits.front().front());
  world.sum(at::from_blob(result.data(), {std::ssize(result)}, at::kFloat));
  return result;
}

/// Rank 0's, on all ranks; nothing if it found none.
std::optional<std::vector<float>> shared_logits(std::optional<std::vector<float>> found,
                                                int64_t count, const World& world) {
  if (world.alone()) return found;
  if (world.broadcast(found ? "found" : "") != "found") return std::nullopt;
  if (!world.first()) found.emplace(static_cast<size_t>(count));
  // A sum is of any device's ranks; the others add zeros.
  world.sum(at::from_blob(found->data(), {count}, at::kFloat));
  return found;
}

}  // namespace

std::vector<Teacher> find_teachers(const TrainOptions& options, const std::vector<Task>& tasks) {
  std::vector<Teacher> teachers;
  if (!options.do_train) return teachers;
  for (const TeacherFlag& flag : teachers_of(options)) {
    teachers.push_back(find_teacher(flag, tasks));
  }
  std::ranges::sort(teachers, {}, &Teacher::task);
  return teachers;
}

std::string teacher_text(const Teacher& teacher, const std::vector<Task>& tasks) {
  return concat("task ", tasks[static_cast<size_t>(teacher.task)].name, ", by ", teacher.folder);
}

std::map<std::string, std::string> teacher_hashes(const std::vector<Teacher>& teachers,
                                                  const std::vector<Task>& tasks) {
  std::map<std::string, std::string> hashes;
  for (const Teacher& teacher : teachers) {
    hashes[tasks[static_cast<size_t>(teacher.task)].name] = teacher.hash;
  }
  return hashes;
}

std::vector<TaughtLogits> teach(const std::vector<Teacher>& teachers, const TrainOptions& options,
                                const RunSetup& setup, const RunFiles& files,
                                const FeatureStore& store, const World& world) {
  std::vector<TaughtLogits> taught(setup.description.tasks.size());
  for (const Teacher& teacher : teachers) {
    const auto number = static_cast<size_t>(teacher.task);
    const Task& task = setup.description.tasks[number];
    const Precision& precision = setup.model->precision();
    LoadedModel loaded = load_model_folder(teacher.folder, precision, setup.model->device());
    const TeacherRows rows =
        read_rows(task, files.training[number], files.jobs, loaded, options, store);
    const int64_t count =
        rows.features->num_rows() * loaded.model->head(teacher.own_task).num_outputs();
    const std::string key = logit_key(teacher.hash, rows.keys,
                                      concat(teacher.own_task, " ", precision_name(precision), " ",
                                             json_text(Json(teacher.order), -1)));
    const std::string cache = feature_cache_dir(options.cache_dir);
    std::optional<std::vector<float>> logits =
        shared_logits(world.first() ? find_logits(key, count, cache) : std::nullopt, count, world);
    log_info("teacher of ", teacher_text(teacher, setup.description.tasks), ": ",
             logits ? "its outputs are in the cache" : "computes its outputs", " for ",
             counted(rows.features->num_rows(), "row"));
    if (!logits) {
      loaded.model->pack_weights();
      logits = ordered(
          run_teacher(loaded, teacher.own_task, rows.features, options.eval_batch_size, world),
          teacher.order);
      if (world.first()) keep_logits(key, *logits, cache);
    }
    const auto is_finite = [](float value) { return std::isfinite(value); };
    if (!std::ranges::all_of(*logits, is_finite)) {
      fail("teacher ", teacher.folder, ": its outputs are not finite; try --precision fp32");
    }
    taught[number] = std::make_shared<const std::vector<float>>(std::move(*logits));
  }
  return taught;
}

}  // namespace pals

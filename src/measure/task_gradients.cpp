#include "measure/task_gradients.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <span>
#include <utility>

#include "base/error.h"
#include "base/host.h"
#include "base/progress.h"
#include "base/text_util.h"
#include "data/feature_cache.h"
#include "dist/launch.h"
#include "dist/world.h"
#include "model/model_folder.h"
#include "model/training_memory.h"
#include "tasks/task_selection.h"
#include "train/data_parallel.h"
#include "train/placement.h"
#include "train/plan.h"

namespace pals {
namespace {

/// Sums over examples, on the host; empty: of no example.
struct SummedGradient {
  std::vector<float> values;  ///< of the arena's shared range
  int64_t examples = 0;
};

SummedGradient& operator+=(SummedGradient& sum, const SummedGradient& other) {
  if (sum.values.empty()) sum.values.resize(other.values.size());
  for (size_t i = 0; i < other.values.size(); ++i) sum.values[i] += other.values[i];
  sum.examples += other.examples;
  return sum;
}

double dot(std::span<const float> one, std::span<const float> other) {
  double sum = 0.0;
  for (size_t i = 0; i < one.size(); ++i) {
    sum += static_cast<double>(one[i]) * static_cast<double>(other[i]);
  }
  return sum;
}

std::optional<double> cosine(const SummedGradient& one, const SummedGradient& other) {
  if (one.values.empty() || other.values.empty()) return std::nullopt;
  const double lengths =
      std::sqrt(dot(one.values, one.values)) * std::sqrt(dot(other.values, other.values));
  const double value = dot(one.values, other.values) / lengths;
  return std::isfinite(value) ? std::optional(std::clamp(value, -1.0, 1.0)) : std::nullopt;
}

int64_t shared_parameters_that_train(const ParameterTable& table) {
  int64_t count = 0;
  for (const Parameter& row : table.rows()) {
    if (row.owner == kSharedOwner && row.trainable) count += row.numel;
  }
  return count;
}

/// Computes gradients of one task's batches.
class TaskGradients {
 public:
  TaskGradients(MultiTaskModel& model, const TaskBatches& batches, const std::stop_token& stop)
      : model_(model),
        stop_(stop),
        progress_({.label = "gradients", .unit = "batches", .total = count(batches)}) {}

  /// Of every second batch, from the `first`-th on.
  SummedGradient half(const std::vector<TrainingBatch>& batches, size_t first) {
    SummedGradient sum;
    if (first >= batches.size()) return sum;
    ParameterArena& arena = model_.arena();
    arena.zero_gradients(batches[first].task);
    for (size_t i = first; i < batches.size(); i += 2) {
      if (stop_.stop_requested()) fail("stopped");
      for (const PackedBatch& part : batches[i].micro_batches) {
        model_.train(part, {.step = static_cast<uint64_t>(i), .examples = 1});
        sum.examples += part.num_examples();
      }
      progress_.advance();
    }
    const ArenaRange range = arena.table().range(kSharedOwner);
    const at::Tensor shared =
        arena.gradients().narrow(0, range.begin, range.end - range.begin).cpu();
    const auto* values = shared.const_data_ptr<float>();
    sum.values.assign(values, values + shared.numel());
    return sum;
  }

 private:
  static uint64_t count(const TaskBatches& batches) {
    uint64_t sum = 0;
    for (const std::vector<TrainingBatch>& own : batches) sum += own.size();
    return sum;
  }

  MultiTaskModel& model_;
  const std::stop_token& stop_;
  Progress progress_;
};

/// The run's options for its own model folder, which says what the model is.
TrainOptions options_at(TrainOptions options, const std::string& folder) {
  static_cast<AdapterFlags&>(options) = {};
  options.h_aug = 0;
  options.init_checkpoint = folder;
  options.bert_config_file.clear();
  options.vocab_file.clear();
  options.do_lower_case.reset();
  options.special_tokens_in_text.reset();
  options.multi = options.keep_tasks = false;
  options.precision = PrecisionChoice::kFloat;
  options.no_graphs = true;
  options.do_train = true;
  options.do_eval = false;
  return options;
}

/// Beside the model: the gradient of each task, and the halves of one.
void check_host_memory(const ParameterTable& table, size_t tasks) {
  const ArenaRange range = table.range(kSharedOwner);
  const int64_t needed = (static_cast<int64_t>(tasks) + 2) * (range.end - range.begin) *
                         static_cast<int64_t>(sizeof(float));
  const int64_t available = available_memory_bytes();
  if (available > 0 && needed > available) {
    fail("the gradients of ", counted(static_cast<int64_t>(tasks), "task"), " take ",
         gigabytes(needed), ", but ", gigabytes(available), " are free");
  }
}

}  // namespace

TaskBatches draw_batches(const std::vector<FeaturesFuture>& features,
                         const TrainingLoaderOptions& options, int64_t count) {
  std::vector<int64_t> sizes;
  int64_t longest = 0;
  for (const FeaturesFuture& task : features) {
    sizes.push_back(task.get()->num_examples());
    longest = std::max(longest, steps_per_pass(sizes.back(), options.batch_size));
  }
  TrainingLoaderOptions own = options;
  own.first_step = 0;
  own.last_step = std::min(count, longest) * std::ssize(features);
  const TaskSampler sampler(Sampling::kRoundRobin, sizes, options.seed, own.last_step, 1);
  TrainingLoader loader(features, sampler, own);
  TaskBatches batches(features.size());
  for (int64_t step = 0; step < own.last_step; ++step) {
    TrainingBatch batch = loader.next();
    const auto task = static_cast<size_t>(batch.task);
    if (batch.task_step >= steps_per_pass(sizes[task], options.batch_size)) continue;
    batches[task].push_back(std::move(batch));
  }
  return batches;
}

GradientRecord compare_gradients(MultiTaskModel& model, const TaskBatches& batches,
                                 const std::stop_token& stop) {
  const c10::InferenceMode inference_mode;
  model.set_dropout(0.0);
  GradientRecord record{.parameters = shared_parameters_that_train(model.arena().table())};
  std::vector<SummedGradient> tasks;
  TaskGradients gradients(model, batches, stop);
  for (const std::vector<TrainingBatch>& own : batches) {
    record.batches = std::max(record.batches, std::ssize(own));
    SummedGradient sum = gradients.half(own, 0);
    const SummedGradient second = gradients.half(own, 1);
    record.halves.push_back(cosine(sum, second));
    sum += second;
    const auto examples = static_cast<double>(std::max<int64_t>(1, sum.examples));
    record.norms.push_back(std::sqrt(dot(sum.values, sum.values)) / examples);
    tasks.push_back(std::move(sum));
  }
  record.cosines.assign(tasks.size(), std::vector<std::optional<double>>(tasks.size()));
  for (size_t i = 0; i < tasks.size(); ++i) {
    for (size_t j = 0; j <= i; ++j) {
      record.cosines[i][j] = record.cosines[j][i] = cosine(tasks[i], tasks[j]);
    }
  }
  return record;
}

GradientRecord measure_gradients(const TrainOptions& options, const std::string& folder,
                                 int64_t count, const std::stop_token& stop) {
  set_threads(options.threads, World());
  const TrainOptions own = options_at(options, folder);
  const RunSetup setup = set_up_run(own, choose_device(own, Launch()));
  if (read_model_description(folder).model.adapters != setup.description.adapters) {
    fail(folder, ": its tasks have other adapters than the run's options ask for");
  }
  MultiTaskModel& model = *setup.model;
  const RunFiles files = plan_files(own, setup.description.tasks);
  const FeatureStore store(files.jobs, *setup.tokenizer, own.max_seq_length,
                           feature_cache_dir(own.cache_dir), own.threads);
  std::vector<FeaturesFuture> features;
  for (const std::vector<int64_t>& jobs : files.training) {
    std::vector<FeaturesFuture> parts;
    for (const int64_t job : jobs) parts.push_back(store.features(job));
    features.push_back(joined_features(std::move(parts)));
  }
  const TaskBatches batches = draw_batches(features,
                                           {.batch_size = own.train_batch_size,
                                            .accumulation_steps = own.gradient_accumulation_steps,
                                            .seed = own.seed},
                                           count);
  check_host_memory(model.arena().table(), batches.size());
  model.arena().prepare_training();
  GradientRecord record = compare_gradients(model, batches, stop);
  record.tasks = task_names(setup.description.tasks);
  record.batches = count;
  return record;
}

}  // namespace pals

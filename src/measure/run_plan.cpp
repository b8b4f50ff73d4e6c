#include "measure/run_plan.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/host.h"
#include "dist/launch.h"
#include "dist/world.h"
#include "kinds/kind.h"
#include "train/data_parallel.h"
#include "train/memory_check.h"
#include "train/placement.h"
#include "train/teachers.h"

namespace pals {
namespace {

constexpr int64_t kMostSteps = 8;              // that are timed, behind one that warms up
constexpr double kMostSeconds = 15.0;          // after which no more are taken
constexpr double kEvaluationCost = 1.0 / 3.0;  // of a token, over that of training

double seconds_since(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

int64_t tokens_of(const TrainingBatch& batch) {
  int64_t tokens = 0;
  for (const PackedBatch& part : batch.micro_batches) tokens += part.num_tokens();
  return tokens;
}

/// The files of a run and what is read of them.
class PlannedRun {
 public:
  PlannedRun(const TrainOptions& options, const std::stop_token& stop)
      : stop_(stop),
        device_(choose_device(options, Launch())),
        setup_(set_up_run(options, device_)),
        options_(resolved_options(options, setup_)),
        teachers_(find_teachers(options_, setup_.description.tasks)),
        files_(plan_files(options_, setup_.description.tasks)),
        store_(files_.jobs, *setup_.tokenizer, options_.max_seq_length, "", options_.threads) {}

  RunForecast plan() {
    std::vector<int64_t> examples;
    for (const std::vector<int64_t>& jobs : files_.training) {
      std::vector<FeaturesFuture> parts;
      for (const int64_t job : jobs) parts.push_back(store_.features(job));
      features_.push_back(joined_features(std::move(parts)));
      examples.push_back(features_.back().get()->num_examples());
    }
    const RunPlan plan(options_, setup_.description.tasks, examples);
    RunForecast run = forecast(options_, setup_, plan, rss_bytes());
    for (size_t i = 0; i < features_.size(); ++i) count_texts(i, run.tasks[i]);
    const double token_seconds = time_steps(plan);
    run.seconds = token_seconds * (training_tokens(plan) + evaluation_tokens(plan));
    plan_teachers(token_seconds, run);
    add_warnings(options_, run);
    return run;
  }

 private:
  void count_texts(size_t number, TaskForecast& task) const {
    if (kind_of(setup_.description.tasks[number]).has_windows()) return;
    const FeatureSet& features = *features_[number].get();
    task.texts = features.num_rows();
    for (int64_t row = 0; row < features.num_rows(); ++row) {
      task.full_rows += features.row_length(row) >= options_.max_seq_length ? 1 : 0;
    }
  }

  /// As if teachers were of this model's size.
  void plan_teachers(double token_seconds, RunForecast& run) const {
    double tokens = 0.0;
    for (const Teacher& teacher : teachers_) {
      run.teachers.push_back(teacher_text(teacher, setup_.description.tasks));
      const auto number = static_cast<size_t>(teacher.task);
      tokens += static_cast<double>(features_[number].get()->num_tokens());
    }
    if (!teachers_.empty()) run.teacher_seconds = tokens * kEvaluationCost * token_seconds;
  }

  /// Seconds for a token of a training step.
  double time_steps(const RunPlan& plan) {
    const World world;
    MultiTaskModel& model = *setup_.model;
    const Optimizer optimizer{OptimizerOptions{}};
    DataParallel parallel(world, model, optimizer, options_.gradient_type, false);
    if (!model.device().is_cpu()) {
      std::vector<FeaturesPtr> read;
      for (const FeaturesFuture& task : features_) read.push_back(task.get());
      check_memory(model, read, options_.train_batch_size / options_.gradient_accumulation_steps);
    }
    model.arena().prepare_training();
    const int64_t steps = std::min(plan.steps.total_steps, 1 + kMostSteps);
    TrainingLoader loader(features_, plan.sampler,
                          {.batch_size = options_.train_batch_size,
                           .accumulation_steps = options_.gradient_accumulation_steps,
                           .seed = options_.seed,
                           .last_step = steps});
    int64_t tokens = 0;
    double seconds = 0.0;
    for (int64_t step = 0; step < steps && (tokens == 0 || seconds < kMostSeconds); ++step) {
      if (stop_.stop_requested()) fail("stopped");
      const TrainingBatch batch = loader.next();
      const auto began = std::chrono::steady_clock::now();
      // The first steps of a schedule hardly move the weights, whatever the run's length.
      const at::Tensor sums =
          parallel.take_step(batch, options_.seed, {step, plan.steps.total_steps});
      parallel.wait_for({sums});
      if (step == 0 && steps > 1) continue;
      seconds += seconds_since(began);
      tokens += tokens_of(batch);
    }
    return seconds / static_cast<double>(std::max<int64_t>(1, tokens));
  }

  double training_tokens(const RunPlan& plan) const {
    double tokens = 0.0;
    for (size_t i = 0; i < features_.size(); ++i) {
      tokens += plan.passes[i] * static_cast<double>(features_[i].get()->num_tokens());
    }
    return tokens;
  }

  /// As tokens of training.
  double evaluation_tokens(const RunPlan& plan) const {
    double tokens = 0.0;
    for (const DevJob& job : files_.dev) {
      tokens += static_cast<double>(store_.features(job.number).get()->num_tokens());
    }
    return tokens * kEvaluationCost * static_cast<double>(plan.steps.num_epochs);
  }

  const std::stop_token& stop_;
  at::Device device_;
  RunSetup setup_;
  const TrainOptions options_;
  const std::vector<Teacher> teachers_;
  const RunFiles files_;
  FeatureStore store_;
  std::vector<FeaturesFuture> features_;
};

}  // namespace

RunForecast plan_run(TrainOptions options, const std::stop_token& stop) {
  if (options.do_eval && !options.do_train) {
    fail_usage("pals plan is of training; --do_eval alone evaluates the model as it is");
  }
  if (!options.do_train) options.do_train = options.do_eval = true;
  set_threads(options.threads, World());
  return PlannedRun(options, stop).plan();
}

}  // namespace pals

#include "train/trainer.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/text_util.h"
#include "data/feature_cache.h"
#include "data/loader.h"
#include "nn/device.h"
#include "train/check_options.h"
#include "train/data_parallel.h"
#include "train/evaluator.h"
#include "train/memory_check.h"
#include "train/optimizer.h"
#include "train/placement.h"
#include "train/results.h"
#include "train/run_folder.h"
#include "train/step_plan.h"

namespace pals {
namespace {

constexpr double kSplitLearningRate = 3e-4;  // reference: --optim split
constexpr int64_t kStepsAhead = 50;

OptimizerOptions optimizer_options(const TrainOptions& o) {
  return {.learning_rate = o.learning_rate,
          .attention_learning_rate =
              o.optim == LearningRates::kSplit ? kSplitLearningRate : o.learning_rate,
          .warmup_proportion = o.warmup_proportion,
          .bias_correction = o.bias_correction,
          .schedule = o.schedule};
}

[[noreturn]] void fail_not_finite(const char* when, int64_t step, const std::string& task) {
  fail(when, " ", step, ", task ", task,
       ": the loss is not finite; try a lower --learning_rate, or --precision fp32");
}

class Trainer {
 public:
  Trainer(const TrainOptions& options, at::Device device, const World& world)
      : world_(world),
        setup_(set_up_run(options, device)),
        options_(resolved_options(options, setup_)),
        model_(*setup_.model),
        optimizer_(optimizer_options(options)),
        parallel_(world, model_, optimizer_, options.gradient_type, options.shard_optimizer),
        store_(make_jobs(), *setup_.tokenizer, options.max_seq_length,
               feature_cache_dir(options.cache_dir), options.threads) {}

  TrainResult run() {
    check_ranks(world_, options_, model_.arena().table(), data_keys_);
    std::unique_ptr<RunLock> lock;
    if (world_.first()) {
      check_run_folder(options_);
      lock = open_run_folder(options_);  // now that the options have proved to make sense
    }
    log_info(describe_model(model_, world_.size()));
    if (options_.do_train) {
      train_steps();
      save_folder(options_.output_dir + "/final");
    } else {
      evaluate_now();
    }
    TrainResult result{results_.to_json(), results_.table()};
    if (world_.first()) {
      write_file_atomically(options_.output_dir + kResultsName, json_text(result.scores));
    }
    return result;
  }

 private:
  // Only rank 0 writes.
  void save_folder(const std::string& path, int only_task = -1,
                   const std::string& share_with = "") const {
    if (!world_.first()) return;
    save_model_folder(path, model_, setup_.description, *setup_.tokenizer, only_task, share_with);
  }

  std::vector<FeatureJob> make_jobs() {
    std::vector<FeatureJob> jobs;
    const std::vector<Task>& tasks = setup_.description.tasks;
    if (options_.do_train) {
      for (const Task& task : tasks) {
        const auto files = files_of(task, "train");
        if (files.empty()) fail_usage("task ", task.name, " has no training file");
        jobs.push_back({task, *files.front(), options_.data_dir});
      }
    }
    if (options_.do_eval) {
      for (size_t i = 0; i < tasks.size(); ++i) {
        for (const DataFile* file : files_of(tasks[i], "dev")) {
          dev_jobs_.push_back(
              {static_cast<int64_t>(jobs.size()), static_cast<int>(i), file->split});
          jobs.push_back({tasks[i], *file, options_.data_dir});
        }
      }
      if (dev_jobs_.empty()) log_warning("--do_eval: no task has a dev file");
    }
    if (world_.alone()) return jobs;
    for (const FeatureJob& job : jobs) {
      const FeatureRequest request(job.task, job.file, job.base_dir, *setup_.tokenizer,
                                   options_.max_seq_length);
      data_keys_.push_back(request.key);
    }
    return jobs;
  }

  void train_steps() {
    const auto num_tasks = static_cast<int64_t>(setup_.description.tasks.size());
    std::vector<int64_t> examples;
    std::vector<FeaturesFuture> features;
    for (int64_t task = 0; task < num_tasks; ++task) {
      examples.push_back(store_.num_examples(task));
      features.push_back(store_.features(task));
    }
    // A bad dev file shall show now, not after the first epoch.
    for (const DevJob& job : dev_jobs_) store_.wait_until_read(job.number);
    const StepPlan plan = plan_steps(options_, examples);
    const TaskSampler sampler(options_.sample, examples, options_.seed, plan.total_steps,
                              plan.num_epochs, plan.steps_per_epoch);

    check_device_memory(features);
    model_.arena().prepare_training();
    if (world_.first()) {
      checkpoints_.emplace(options_.output_dir + kCheckpointsName, options_.keep_checkpoints);
    }
    std::optional<Json> state;
    if (checkpoints_) state = checkpoints_->restore(model_.arena());
    parallel_.share_state(state);
    int64_t step = 0;
    if (state) {
      step = state->at("step").get<int64_t>();
      check_rows(state->at("rows").get<std::vector<int64_t>>(), examples);
      results_.restore(*state);
      log_info(concat("going on at step ", step, " of ", plan.total_steps));
    }
    const int64_t first_step = step;
    if (world_.first()) log_.emplace(options_.output_dir + kMetricsName, step);
    TrainingLoader loader(features, sampler,
                          {.batch_size = options_.train_batch_size,
                           .accumulation_steps = options_.gradient_accumulation_steps,
                           .seed = options_.seed,
                           .first_step = step,
                           .last_step = plan.total_steps});
    Progress progress({.label = "train",
                       .unit = "steps",
                       .total = static_cast<uint64_t>(plan.total_steps),
                       .initial = static_cast<uint64_t>(step)});
    while (step < plan.total_steps) {
      if (world_.alone() && world_.stop().stop_requested()) stop_ = true;
      if (stop_) {
        finish_steps();
        save_checkpoint(step);
        world_.broadcast("");  // the others wait for rank 0: whoever exits ends all
        throw Stopped(concat("stopped at step ", step, "; the same command goes on from there"));
      }
      train_one(loader.next(), plan);
      ++step;
      const bool epoch_end = step % plan.steps_per_epoch == 0 || step == plan.total_steps;
      const bool saves = epoch_end || step % options_.save_checkpoints_steps == 0;
      if (saves || std::ssize(pending_) >= steps_ahead()) finish_steps(&progress);
      if (epoch_end && options_.do_eval && !dev_jobs_.empty()) {
        evaluate_epoch(step, (step - 1) / plan.steps_per_epoch + 1, plan.num_epochs);
      }
      if (saves) save_checkpoint(step);
    }
    if (step > first_step) report_speed(first_step, step);
  }

  // Of a device that is not the CPU. It needs to know the rows' lengths.
  void check_device_memory(const std::vector<FeaturesFuture>& features) const {
    if (model_.device().is_cpu()) return;
    std::vector<FeaturesPtr> read;
    for (const FeaturesFuture& task : features) read.push_back(task.get());
    const int64_t parts = options_.gradient_accumulation_steps * world_.size();
    check_memory(model_, read, (options_.train_batch_size + parts - 1) / parts);
  }

  void report_speed(int64_t first_step, int64_t step) {
    if (!world_.alone()) log_info(parallel_.speed_text(step - first_step));
    OrderedJson line = {{"until_step", step}};
    line.update(parallel_.speed_json(step - first_step));
    write_log(line);
  }

  // A step whose loss was not read from the device yet.
  struct PendingStep {
    OrderedJson line;  // of the log
    at::Tensor sums;   // DataParallel::compute_gradients
  };

  // How many steps a device is given before the host waits for their losses. On the CPU they are
  // there at once, and a loss that is not finite never reaches the weights; elsewhere no
  // checkpoint.
  int64_t steps_ahead() const { return model_.device().is_cpu() ? 0 : kStepsAhead; }

  void train_one(const TrainingBatch& batch, const StepPlan& plan) {
    int64_t tokens = 0, most_tokens = 0;
    for (const PackedBatch& micro_batch : batch.micro_batches) {
      tokens += micro_batch.num_tokens();
      most_tokens = std::max(most_tokens, micro_batch.num_tokens());
    }
    const std::string& name = setup_.description.tasks[static_cast<size_t>(batch.task)].name;
    PendingStep pending;
    pending.line = {{"step", batch.step},
                    {"task", name},
                    {"loss", nullptr},
                    {"learning_rate", optimizer_.learning_rate(batch.step, plan.total_steps)},
                    {"rows", batch.num_examples},
                    {"tokens", tokens}};
    const StepPosition position{
        .step = batch.step, .total_steps = plan.total_steps, .task_step = batch.task_step};
    within_memory(model_, most_tokens, [&] {
      pending.sums = parallel_.compute_gradients(batch, options_.seed, &position);
    });
    if (steps_ahead() == 0) check_finite(pending.line, pending.sums[0].item<double>());
    within_memory(model_, most_tokens, [&] { parallel_.step(batch.task, position); });
    pending_.push_back(std::move(pending));
  }

  static void check_finite(const OrderedJson& line, double loss) {
    if (std::isfinite(loss)) return;
    fail_not_finite("step", line.at("step").get<int64_t>(), line.at("task").get<std::string>());
  }

  // Waits for the losses of the steps that were taken, and writes their lines.
  void finish_steps(Progress* progress = nullptr) {
    if (pending_.empty()) return;
    std::vector<at::Tensor> sums;
    for (const PendingStep& pending : pending_) sums.push_back(pending.sums);
    const at::Tensor all = parallel_.wait_for(sums);
    const auto* values = all.const_data_ptr<double>();
    int64_t last_step = 0;
    for (PendingStep& pending : std::exchange(pending_, {})) {
      const double loss = *values++;
      stop_ = stop_ || (*values++ > 0.0 && !world_.alone());
      check_finite(pending.line, loss);
      pending.line["loss"] = loss;
      write_log(pending.line);
      last_step = pending.line.at("step").get<int64_t>();
      smooth_loss_ = smooth_loss_ < 0.0 ? loss : 0.98 * smooth_loss_ + 0.02 * loss;
    }
    if (progress == nullptr) return;
    progress->update(static_cast<uint64_t>(last_step + 1),
                     concat("loss ", format_double(smooth_loss_, 3)));
  }

  void write_log(const OrderedJson& line) {
    if (log_) log_->write(line);
  }

  Evaluation evaluate_model() {
    if (dev_sets_.empty()) {
      const std::vector<Task>& tasks = setup_.description.tasks;
      for (const DevJob& job : dev_jobs_) {
        const DataFile& file = *find_file(tasks[static_cast<size_t>(job.task)], job.split);
        dev_sets_.push_back(make_evaluation_set(tasks, job.task, file, options_.data_dir,
                                                store_.features(job.number).get()));
      }
    }
    model_.pack_weights();  // as they are now: the scores are those that `pals eval` will find
    Evaluation evaluation = evaluate(model_, setup_.description, *setup_.tokenizer, dev_sets_,
                                     options_.eval_batch_size, world_);
    model_.unpack_weights();
    return evaluation;
  }

  // Of the best model by average, beside it.
  void save_answers(const Evaluation& evaluation) const {
    if (!world_.first()) return;
    write_answers(options_.output_dir, setup_.description.tasks, evaluation.answers);
  }

  void evaluate_now() {
    const Evaluation evaluation = evaluate_model();
    results_.add(evaluation.scores);
    results_.keep_average(0, evaluation.scores);
    save_answers(evaluation);
  }

  void evaluate_epoch(int64_t step, int64_t epoch, int64_t num_epochs) {
    const Evaluation evaluation = evaluate_model();
    const std::vector<TaskScores>& scores = evaluation.scores;
    for (const TaskScores& task : scores) {
      if (!std::isfinite(task.loss)) fail_not_finite("after step", step, task.task);
    }
    results_.add(scores);
    write_log({{"after_step", step}, {"epoch", epoch}, {"evaluation", results_.last()}});
    log_info(concat("epoch ", epoch, " of ", num_epochs, ", after step ", step, ":\n",
                    scores_table(scores)));
    const std::string folder = options_.output_dir;
    std::string written;
    if (results_.keep_average(step, scores)) {
      save_answers(evaluation);
      written = folder + "/best";
      save_folder(written);
    }
    if (!options_.save_best_tasks || scores.size() < 2) return;
    for (const TaskScores& task_scores : scores) {
      const std::string& name = task_scores.task;
      if (!results_.keep_task(step, task_scores)) continue;
      if (world_.first()) make_directories(folder + "/best_tasks");
      const std::string path = folder + "/best_tasks/" + name;
      save_folder(path, task_number(name), written);
      if (written.empty()) written = path;
    }
  }

  int task_number(const std::string& name) const {
    const std::vector<Task>& tasks = setup_.description.tasks;
    for (size_t i = 0; i < tasks.size(); ++i) {
      if (tasks[i].name == name) return static_cast<int>(i);
    }
    return -1;
  }

  void save_checkpoint(int64_t step) {
    parallel_.gather_state();
    if (checkpoints_) {
      std::vector<int64_t> rows;
      for (int64_t task = 0; task < model_.num_tasks(); ++task) {
        rows.push_back(store_.num_examples(task));
      }
      Json state = {{"step", step}, {"rows", rows}};
      results_.save(state);
      const Json scaler = parallel_.scaler_state();
      if (!scaler.is_null()) state["loss_scaling"] = scaler;
      checkpoints_->save(model_.arena(), step, state);
    }
    parallel_.release_state();
  }

  // Order and odds go by the numbers of rows: with others the run could not go on as it began.
  void check_rows(const std::vector<int64_t>& then, const std::vector<int64_t>& now) const {
    for (size_t task = 0; task < now.size() && task < then.size(); ++task) {
      if (now[task] == then[task]) continue;
      fail("task ", setup_.description.tasks[task].name, " has ", now[task],
           " training rows, but had ", then[task], " when the run in ", options_.output_dir,
           " began; give the same data, or another --output_dir");
    }
  }

  struct DevJob {
    int64_t number = 0;
    int task = 0;
    std::string split;
  };

  const World& world_;
  std::vector<DevJob> dev_jobs_;
  std::vector<std::string> data_keys_;  // of all files, with more than one rank
  RunSetup setup_;
  const TrainOptions options_;
  MultiTaskModel& model_;
  Optimizer optimizer_;
  DataParallel parallel_;
  FeatureStore store_;
  std::vector<EvaluationSet> dev_sets_;
  RunResults results_;
  std::optional<CheckpointStore> checkpoints_;  // of rank 0, as the log
  std::optional<MetricsLog> log_;
  std::vector<PendingStep> pending_;
  double smooth_loss_ = -1.0;
  bool stop_ = false;
};

TrainResult train_as_rank(TrainOptions options, const World& world) {
  if (!options.do_train && !options.do_eval) options.do_train = options.do_eval = true;
  check_options(options);
  set_threads(options.threads, world);
  TrainResult result = Trainer(options, world.device(), world).run();
  return world.first() ? result : TrainResult();
}

}  // namespace

TrainResult train(const TrainOptions& options, const std::stop_token& stop) {
  const Launch launch = read_launch();
  TrainResult result;
  run_in_world(
      launch, stop, [&] { return choose_device(options, launch); },
      [&](const World& world) { result = train_as_rank(options, world); });
  return result;
}

}  // namespace pals

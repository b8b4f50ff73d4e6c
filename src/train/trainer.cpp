#include "train/trainer.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

#include "base/error.h"
#include "base/host.h"
#include "base/log.h"
#include "base/log_sink.h"
#include "base/text_util.h"
#include "data/feature_cache.h"
#include "report/run_report.h"
#include "tasks/task_selection.h"
#include "train/batch_source.h"
#include "train/check_options.h"
#include "train/forecast.h"
#include "train/identity.h"
#include "train/keeper.h"
#include "train/loop.h"
#include "train/memory_check.h"
#include "train/own_folder.h"
#include "train/placement.h"
#include "train/plan.h"
#include "train/progress_sampling.h"
#include "train/rates.h"
#include "train/run_clock.h"
#include "train/run_length.h"
#include "train/start_record.h"
#include "train/stop_notice.h"
#include "train/task_board.h"
#include "train/teachers.h"
#include "train/weight_average.h"

namespace pals {
namespace {

/// Puts plan, loop and keeper together.
class Trainer {
 public:
  Trainer(const TrainOptions& options, const World& world, const TrainCallbacks& callbacks)
      : world_(world),
        callbacks_(callbacks),
        setup_(set_up_run(options, world.device())),
        options_(resolved_options(options, setup_)),
        model_(*setup_.model),
        optimizer_(optimizer_options(options)),
        parallel_(world, model_, optimizer_, options.gradient_type, options.shard_optimizer,
                  options.ema),
        files_(plan_files(options_, setup_.description.tasks)),
        store_(files_.jobs, *setup_.tokenizer, options.max_seq_length,
               feature_cache_dir(options.cache_dir), options.threads),
        keeper_(world, options_, setup_),
        teachers_(find_teachers(options_, setup_.description.tasks)),
        progress_(task_names(setup_.description.tasks)) {
    if (options_.do_train && options_.sample == Sampling::kAuto && files_.dev.empty()) {
      fail_usage("--sample auto goes by evaluations, but no task has a dev file; choose another");
    }
  }

  TrainResult run() {
    const std::stop_callback notice(world_.stop(), [this] {
      if (world_.first()) log_info(stop_notice(clock_.part(), options_.do_train, world_.alone()));
    });
    check_ranks(world_, options_, model_.arena().table(), data_keys());
    // Before anything is written: options and data have proved to make sense.
    for (int64_t job = 0; job < store_.num_jobs(); ++job) store_.wait_until_read(job);
    keeper_.open(identity());
    log_info(describe_model(model_, world_.size()));
    if (world_.first()) warn_of_idle_rates(options_, model_.arena().table());
    if (options_.do_train) {
      train_steps();
      const ClockedPart saving(clock_, RunPart::kSaving);
      on_average(model_.arena(), [this] { keeper_.save_final(); });
    } else {
      keeper_.keep_evaluation(evaluate_model());
    }
    ResultsRecord results = keeper_.finish();
    write_report();
    return {std::move(results), keeper_.results().table()};
  }

 private:
  /// Of all files, with more than one rank.
  std::vector<std::string> data_keys() const {
    std::vector<std::string> keys;
    if (world_.alone()) return keys;
    for (int64_t job = 0; job < store_.num_jobs(); ++job) keys.push_back(store_.hashes(job).key);
    return keys;
  }

  /// Of a run that trains, for rank 0.
  Json identity() const {
    if (!options_.do_train || !world_.first()) return {};
    return run_identity(options_, setup_, files_.jobs, store_,
                        teacher_hashes(teachers_, setup_.description.tasks));
  }

  void train_steps() {
    std::vector<int64_t> examples;
    std::vector<FeaturesFuture> features;
    for (const std::vector<int64_t>& jobs : files_.training) {
      examples.push_back(0);
      std::vector<FeaturesFuture> parts;
      for (const int64_t job : jobs) {
        examples.back() += store_.num_examples(job);
        parts.push_back(store_.features(job));
      }
      features.push_back(joined_features(std::move(parts)));
    }
    RunPlan plan(planned_options(), setup_.description.tasks, examples);
    say_forecast(plan);
    check_device_memory(features);
    model_.arena().prepare_training();

    std::optional<Json> state = keeper_.restore(plan.steps.total_steps);
    parallel_.share_state(state);
    int64_t first_step = 0;
    if (state) {
      first_step = state->at("step").get<int64_t>();
      check_rows(setup_.description.tasks, state->at("rows"), examples, options_.output_dir);
      if (const std::optional<RunLength> length = length_of(*state)) {
        extended_at_ = lengthens(options_, length) ? length->total_steps : length->extended_at;
      }
      if (is_auto()) progress_.restore(state->value("sampling", Json()), plan.sampler);
    }
    on_average(model_.arena(), [&] { keeper_.begin(first_step, plan.steps.total_steps, state); });
    const bool evaluation_is_due = state && Keeper::evaluation_is_due(*state);
    if (state && !evaluation_is_due && !may_go_on(plan, first_step)) return;
    first_step_ = first_step;
    if ((evaluation_is_due || first_step < plan.steps.total_steps) && world_.first()) {
      keeper_.log(start_record(setup_, plan, world_.size(), first_step, callbacks_.command));
    }
    if (state) say_going_on(*state, plan);
    const std::vector<TaughtLogits> taught = taught_logits(plan, first_step);
    const std::vector<std::string> names = task_names(setup_.description.tasks);
    TaskBoard board(board_tasks(names, plan, first_step));
    const LoopCalls calls = loop_calls(plan, board);
    if (evaluation_is_due) {
      const bool goes_on = calls.epoch(first_step, plan.steps.epochs_after(first_step));
      calls.save(first_step);
      if (!goes_on) return;
    }
    TrainingLoop loop(world_, options_, names, model_, optimizer_, parallel_, plan.steps, clock_,
                      board, calls);
    BatchSource batches(plan, std::move(features),
                        {.batch_size = options_.train_batch_size,
                         .accumulation_steps = options_.gradient_accumulation_steps,
                         .seed = options_.seed,
                         .first_step = first_step,
                         .teachers = taught,
                         .teacher_steps = plan.steps.first_steps()},
                        is_auto() ? SamplerLife::kEpoch : SamplerLife::kRun);
    const int64_t steps_done = loop.run([&] { return batches.next(); }, first_step);
    if (steps_done > first_step) report_speed(first_step, steps_done);
  }

  bool is_auto() const { return options_.sample == Sampling::kAuto; }

  /// What teachers say of the training rows, where a step still asks for it.
  std::vector<TaughtLogits> taught_logits(const RunPlan& plan, int64_t first_step) {
    if (teachers_.empty() || first_step >= plan.steps.first_steps()) return {};
    const ClockedPart teaching(clock_, RunPart::kEvaluation);
    try {
      return teach(teachers_, options_, setup_, files_, store_, world_);
    } catch (const Error&) {
      if (!world_.alone() || !world_.stop().stop_requested()) throw;
    }
    throw Stopped(concat("stopped before step ", first_step, "; the same command goes on"));
  }

  /// A run that became longer keeps the length of its epochs.
  TrainOptions planned_options() const {
    TrainOptions planned = options_;
    if (planned.max_steps > 0 && planned.steps_per_epoch == 0) {
      planned.steps_per_epoch = keeper_.steps_per_epoch();
    }
    return planned;
  }

  void say_going_on(const Json& state, const RunPlan& plan) const {
    const std::optional<RunLength> length = length_of(state);
    const int64_t step = state.at("step").get<int64_t>(), total = plan.steps.total_steps;
    log_info(concat("going on at step ", step, " of ", total));
    if (!lengthens(options_, length)) return;
    const auto rate = [&](int64_t steps) { return optimizer_.learning_rate(step, steps); };
    log_info(concat("the run was of ", counted(length->total_steps, "step"),
                    ": its learning rate, which was ", rate(length->total_steps),
                    " at the end, goes on at ", rate(total), " by the schedule of ",
                    counted(total, "step"), ", and sampling by that of ",
                    counted(plan.steps.num_epochs, "epoch")));
  }

  /// What `pals plan` says, as far as it is known before the texts are encoded.
  void say_forecast(const RunPlan& plan) const {
    if (!world_.first()) return;
    RunForecast run = forecast(options_, setup_, plan, resident_);
    for (const Teacher& teacher : teachers_) {
      run.teachers.push_back(teacher_text(teacher, setup_.description.tasks));
    }
    add_warnings(options_, run);
    for (const std::string& line : forecast_lines(run)) log_info(line);
  }

  /// Whether --early_stopping lets the run go on after so many steps. It goes by the best steps,
  /// and by where the run became longer, which checkpoints keep, so that a run that ended so stays
  /// ended.
  bool may_go_on(const RunPlan& plan, int64_t steps_done) const {
    const bool by_task = options_.early_stopping_by == StopBy::kTask;
    const RunResults& results = keeper_.results();
    const std::optional<int64_t> best = by_task ? results.last_best_step() : results.best_step();
    if (options_.early_stopping == 0 || !best || steps_done >= plan.steps.total_steps) return true;
    const int64_t since = std::max(*best, extended_at_);
    const int64_t epoch = plan.steps.steps_per_epoch;
    const int64_t evaluations = steps_done / epoch - since / epoch;
    if (evaluations < options_.early_stopping) return true;
    log_info(concat(
        "stopped early after step ", steps_done, " of ", plan.steps.total_steps, ": ",
        counted(evaluations, "evaluation"),
        by_task ? " in which no task was better than before; the last to become so did "
                  "after step "
                : " without a better average than after step ",
        *best,
        extended_at_ > *best ? concat(", since it became longer at step ", extended_at_) : ""));
    return false;
  }

  LoopCalls loop_calls(RunPlan& plan, TaskBoard& board) {
    return {
        .begin =
            [this, &plan](int64_t step) {
              if (world_.first()) keeper_.log(epoch_record(setup_, plan, step));
            },
        .polish = [this, &plan](int64_t step) { begin_polish(plan, step); },
        .step =
            [this, &plan, &board](const StepRecord& record) {
              keeper_.log(record);
              board.add(record);
              if (clock_.line_is_due()) log_time(record.step + 1);
              if (callbacks_.step && world_.first()) {
                callbacks_.step(record, plan.steps.total_steps);
              }
            },
        .epoch =
            [this, &plan, &board](int64_t steps_done, int64_t epoch) {
              if (files_.dev.empty()) return true;
              const Evaluation evaluation = evaluate_after(steps_done, plan);
              board.add(evaluation.scores);
              if (is_auto()) progress_.add(evaluation.scores, epoch, plan.sampler);
              const EvaluationRecord record = keep(evaluation, steps_done, epoch, plan);
              if (callbacks_.evaluation && world_.first()) callbacks_.evaluation(record);
              return may_go_on(plan, steps_done);
            },
        .save = [this, &plan](int64_t steps_done) { save_checkpoint(steps_done, plan, false); }};
  }

  /// Adapters and heads are fitted to the shared part that was evaluated and will be saved.
  void begin_polish(const RunPlan& plan, int64_t step) {
    ParameterArena& arena = model_.arena();
    if (step == plan.steps.first_steps() && arena.average().defined()) {
      world_.broadcast(arena.average());  // weights are the same on all ranks to the bit
      start_from_average(arena);
    }
    model_.freeze_shared();
    if (!world_.first()) return;
    log_info(concat("second phase, steps ", plan.steps.first_steps(), " to ",
                    plan.steps.total_steps, ": the shared part stays as it is"));
  }

  void save_checkpoint(int64_t steps_done, const RunPlan& plan, bool evaluation_is_due) {
    const ClockedPart saving(clock_, RunPart::kSaving);
    const StepPlan& steps = plan.steps;
    keeper_.save_checkpoint(
        parallel_, {steps_done, steps.total_steps, steps.steps_per_epoch, extended_at_},
        plan.examples, evaluation_is_due, is_auto() ? progress_.to_json() : Json());
  }

  /// Whoever stops it keeps the steps, and it is made when the run goes on.
  Evaluation evaluate_after(int64_t steps_done, const RunPlan& plan) {
    try {
      return evaluate_model();
    } catch (const Error&) {
      if (!world_.alone() || !world_.stop().stop_requested()) throw;
    }
    save_checkpoint(steps_done, plan, true);
    end_stopped(steps_done);
  }

  EvaluationRecord keep(const Evaluation& evaluation, int64_t steps_done, int64_t epoch,
                        const RunPlan& plan) {
    EvaluationRecord record;
    {
      const ClockedPart saving(clock_, RunPart::kSaving);
      on_average(model_.arena(), [&] {
        record = keeper_.keep_evaluation(steps_done, epoch, plan.steps.num_epochs, evaluation);
      });
    }
    log_time(steps_done);
    // Not so often that it would be felt, where evaluations are many and short.
    constexpr double kShareOfTime = 0.01;
    if (steps_done < plan.steps.total_steps &&
        clock_.seconds(RunPart::kReport) <= kShareOfTime * clock_.wall_seconds()) {
      write_report();
    }
    return record;
  }

  void log_time(int64_t steps_done) { keeper_.log(clock_.record(steps_done, first_step_)); }

  // A page that cannot be made is no reason to end a run.
  void write_report() {
    if (!world_.first()) return;
    const ClockedPart reporting(clock_, RunPart::kReport);
    try {
      write_run_report(options_.output_dir);
    } catch (const std::exception& error) {
      log_warning("no ", options_.output_dir, kReportName, ": ", error.what());
    }
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
    log_time(step);
    SpeedRecord record = parallel_.speed(step - first_step);
    record.until_step = step;
    keeper_.log(record);
  }

  Evaluation evaluate_model() {
    const ClockedPart evaluating(clock_, RunPart::kEvaluation);
    if (dev_sets_.empty()) {
      for (const DevJob& job : files_.dev) {
        dev_sets_.push_back({job.task, job.split, store_.features(job.number).get()});
      }
    }
    Evaluation evaluation;
    on_average(model_.arena(), [&] {
      model_.pack_weights();  // as they are now: the scores are those that `pals eval` will find
      evaluation = evaluate(model_, setup_.description, *setup_.tokenizer, dev_sets_,
                            options_.eval_batch_size, world_);
      model_.unpack_weights();
    });
    return evaluation;
  }

  const World& world_;
  const TrainCallbacks& callbacks_;
  RunClock clock_;
  RunSetup setup_;
  const TrainOptions options_;
  MultiTaskModel& model_;
  Optimizer optimizer_;
  DataParallel parallel_;
  const RunFiles files_;
  FeatureStore store_;
  Keeper keeper_;
  const std::vector<Teacher> teachers_;
  ProgressSampling progress_;
  std::vector<EvaluationSet> dev_sets_;
  const int64_t resident_ = rss_bytes();  // with the model
  int64_t first_step_ = 0, extended_at_ = 0;
};

TrainResult train_as_rank(TrainOptions options, const World& world,
                          const TrainCallbacks& callbacks) {
  if (!options.do_train && !options.do_eval) options.do_train = options.do_eval = true;
  check_options(options);
  if (world.first()) refuse_foreign_folder(options.output_dir);
  set_threads(options.threads, world);
  TrainResult result = Trainer(options, world, callbacks).run();
  return world.first() ? result : TrainResult();
}

}  // namespace

TrainResult train(const TrainOptions& options, const std::stop_token& stop,
                  const TrainCallbacks& callbacks) {
  const LogSink sink(callbacks.log);
  const Launch launch = read_launch();
  TrainResult result;
  run_in_world(
      launch, stop, [&] { return choose_device(options, launch); },
      [&](const World& world) { result = train_as_rank(options, world, callbacks); });
  return result;
}

}  // namespace pals

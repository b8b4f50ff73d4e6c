#include "train/loop.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "train/memory_check.h"

namespace pals {
namespace {

constexpr int64_t kStepsAhead = 50;

void check_finite(const StepRecord& step, double loss) {
  if (!std::isfinite(loss)) fail_not_finite("step", step.step, step.task);
}

}  // namespace

void fail_not_finite(const char* when, int64_t step, const std::string& task) {
  fail(when, " ", step, ", task ", task,
       ": the loss is not finite; try a lower --learning_rate, or --precision fp32");
}

void end_stopped(int64_t steps_done) {
  throw Stopped(concat("stopped at step ", steps_done, "; the same command goes on from there"));
}

TrainingLoop::TrainingLoop(const World& world, const TrainOptions& options,
                           const std::vector<std::string>& task_names, MultiTaskModel& model,
                           const Optimizer& optimizer, DataParallel& parallel, const StepPlan& plan,
                           RunClock& clock, const TaskBoard& board, LoopCalls calls)
    : world_(world),
      options_(options),
      task_names_(task_names),
      model_(model),
      optimizer_(optimizer),
      parallel_(parallel),
      plan_(plan),
      clock_(clock),
      board_(board),
      calls_(std::move(calls)) {}

int64_t TrainingLoop::run(const NextBatch& next, int64_t first_step) {
  Progress progress({.label = "train",
                     .unit = "steps",
                     .total = static_cast<uint64_t>(plan_.total_steps),
                     .initial = static_cast<uint64_t>(first_step),
                     .details = [this](WindowSize room, double seconds) {
                       return ProgressDetails{.lines = board_.lines(room),
                                              .suffix = board_.rate(seconds)};
                     }});
  const ClockedPart steps(clock_, RunPart::kSteps);
  for (int64_t step = first_step; step < plan_.total_steps;) {
    if (world_.alone() && world_.stop().stop_requested()) stop_ = true;
    if (stop_) stop(step, progress);
    if (plan_.ends_epoch(step)) calls_.begin(step);
    if (plan_.polishes(step) && !std::exchange(polishes_, true)) calls_.polish(step);
    take(next_batch(next));
    ++step;
    const bool epoch_end = plan_.ends_epoch(step);
    const bool saves = epoch_end || step % options_.save_checkpoints_steps == 0;
    if (saves || std::ssize(pending_) >= steps_ahead()) finish_steps(progress);
    const bool goes_on = !epoch_end || calls_.epoch(step, plan_.epochs_after(step));
    if (saves) calls_.save(step);
    if (!goes_on) return step;
  }
  return plan_.total_steps;
}

TrainingBatch TrainingLoop::next_batch(const NextBatch& next) {
  const ClockedPart waits(clock_, RunPart::kData);
  return next();
}

void TrainingLoop::stop(int64_t steps_done, Progress& progress) {
  finish_steps(progress);
  calls_.save(steps_done);
  world_.broadcast("");  // the others wait for rank 0: whoever exits ends all
  end_stopped(steps_done);
}

// How many steps a device is given before the host waits for their losses. On the CPU they are
// there at once, and a loss that is not finite never reaches the weights; elsewhere no checkpoint.
int64_t TrainingLoop::steps_ahead() const { return model_.device().is_cpu() ? 0 : kStepsAhead; }

void TrainingLoop::take(const TrainingBatch& batch) {
  int64_t tokens = 0, most_tokens = 0;
  for (const PackedBatch& micro_batch : batch.micro_batches) {
    tokens += micro_batch.num_tokens();
    most_tokens = std::max(most_tokens, micro_batch.num_tokens());
  }
  const StepPosition position = plan_.position(batch.step, batch.task_step);
  PendingStep pending;
  pending.record = {.step = batch.step,
                    .task = task_names_[static_cast<size_t>(batch.task)],
                    .learning_rate = optimizer_.learning_rate(position.step, position.total_steps),
                    .rows = batch.num_examples,
                    .tokens = tokens};
  if (const double weight = batch.micro_batches.front().teacher_weight; weight > 0.0) {
    pending.record.teacher_weight = weight;
  }
  const auto before_update = [&](const at::Tensor& sums) {
    if (steps_ahead() == 0) check_finite(pending.record, sums[0].item<double>());
  };
  within_memory(model_, most_tokens, [&] {
    pending.sums = parallel_.take_step(batch, options_.seed, position, before_update);
  });
  pending_.push_back(std::move(pending));
}

// Waits for the losses of the steps that were taken, and hands them on.
void TrainingLoop::finish_steps(Progress& progress) {
  if (pending_.empty()) return;
  std::vector<at::Tensor> sums;
  for (const PendingStep& pending : pending_) sums.push_back(pending.sums);
  const at::Tensor all = parallel_.wait_for(sums);
  const auto* values = all.const_data_ptr<double>();
  int64_t last_step = 0;
  for (PendingStep& pending : std::exchange(pending_, {})) {
    const double loss = *values++;
    stop_ = stop_ || (*values++ > 0.0 && !world_.alone());
    check_finite(pending.record, loss);
    pending.record.loss = loss;
    calls_.step(pending.record);
    last_step = pending.record.step;
    shown_loss_.add(loss);
  }
  progress.update(static_cast<uint64_t>(last_step + 1),
                  concat("loss ", format_double(shown_loss_.value(), 3)));
}

}  // namespace pals

#include "measure/training_side.h"

namespace pals {
namespace {

constexpr uint64_t kSeed = 42;
/// The paper's recipe.
constexpr double kLearningRate = 2e-5;
constexpr int64_t kScheduleSteps = 60000;

Optimizer optimizer() {
  OptimizerOptions options;
  options.learning_rate = options.attention_learning_rate = kLearningRate;
  return Optimizer(options);
}

}  // namespace

std::vector<HeadSpec> heads_of(const std::vector<TaskRows>& rows) {
  std::vector<Task> tasks;
  for (const TaskRows& task : rows) tasks.push_back(task.task);
  return head_specs(tasks);
}

MultiTaskModel make_measured_model(const MeasuredModel& model, const Precision& precision,
                                   Frozen frozen) {
  MultiTaskModel made(model.bert, model.adapters, model.heads, precision, frozen, model.device);
  made.arena().initialize(model.bert.initializer_range, kSeed);
  return made;
}

MultiTaskModel make_prediction_model(const MeasuredModel& model, const Precision& precision) {
  MultiTaskModel made = make_measured_model(model, precision);
  made.pack_weights();
  return made;
}

TrainingSide::TrainingSide(const MeasuredModel& model, const Precision& precision, Frozen frozen)
    : model_(make_measured_model(model, precision, frozen)),
      optimizer_(optimizer()),
      parallel_(world_, model_, optimizer_, GradientType::kFloat, false) {
  model_.arena().prepare_training();
}

at::Tensor TrainingSide::step(const PackedBatch& batch, int64_t step) {
  const TrainingBatch whole{.step = step,
                            .task = batch.segments.front().task,
                            .num_examples = batch.num_examples(),
                            .micro_batches = {batch}};
  return parallel_.take_step(whole, kSeed, {step, kScheduleSteps})[0];
}

double TrainingSide::learning_rate(int64_t step) {
  return optimizer().learning_rate(step, kScheduleSteps);
}

}  // namespace pals

#include <pals/train.h>

#include "api/rethrow.h"
#include "api_train/read_options.h"
#include "base/error.h"
#include "base/stopped.h"
#include "kernels/threads.h"
#include "runlog/records.h"
#include "settings/recipes.h"
#include "settings/shared.h"
#include "settings/train_options.h"
#include "train/trainer.h"

namespace pals::api {
namespace {

pals::TrainOptions train_options(const TrainOptions& given) {
  pals::TrainOptions options;
  if (const auto recipe = given.find("recipe"); recipe != given.end()) {
    apply_recipe(read_option<Recipe>("recipe", recipe->second), options_of(options));
  }
  read_options(given, options_of(options));
  if (options.nproc.value_or(1) != 1) {
    fail_usage("nproc is ", *options.nproc, ": train() starts no processes, start the program by ",
               "mpirun or torchrun");
  }
  check_options(options);
  fetch_models(options_of(options));
  return options;
}

Scores public_scores(const ScoresRecord& record, int64_t step) {
  return {step, record.average, record.tasks};
}

TrainResult run(const pals::TrainOptions& options, const std::stop_token& stop,
                const pals::TrainCallbacks& callbacks) {
  try {
    return pals::train(options, stop, callbacks);
  } catch (const pals::Stopped& error) {
    throw Stopped(error.what());
  }
}

}  // namespace

std::optional<Scores> train(const TrainOptions& options, const TrainCallbacks& callbacks) {
  return rethrown([&]() -> std::optional<Scores> {
    pals::TrainCallbacks told;
    told.log = callbacks.log;
    if (callbacks.step) {
      told.step = [&](const StepRecord& step, int64_t total_steps) {
        callbacks.step({step.step + 1, total_steps, step.task, step.loss, step.learning_rate});
      };
    }
    if (callbacks.evaluated) {
      told.evaluation = [&](const EvaluationRecord& evaluation) {
        callbacks.evaluated(public_scores(evaluation.scores, evaluation.after_step));
      };
    }
    use_threads_here(0);  // not what an earlier run in this process chose
    const TrainResult result = run(train_options(options), callbacks.stop, told);
    if (!result.scores || !result.scores->evaluated) return std::nullopt;
    return public_scores(result.scores->evaluated->best, result.scores->evaluated->step);
  });
}

}  // namespace pals::api

#include <pals/train.h>

#include <algorithm>
#include <vector>

#include "api/rethrow.h"
#include "base/error.h"
#include "base/text_util.h"
#include "options/option.h"
#include "runlog/records.h"
#include "settings/train_options.h"
#include "train/trainer.h"

namespace pals::api {
namespace {

pals::TrainOptions read_options(const TrainOptions& given) {
  pals::TrainOptions options;
  const OptionList known = options_of(options);
  std::vector<std::string> names;
  for (const Option& option : known.rows()) names.push_back(option.name);
  for (const auto& [name, value] : given) {
    const auto row = std::ranges::find(known.rows(), name, &Option::name);
    if (row == known.rows().end()) {
      fail_usage("unknown option ", quote(name), did_you_mean(name, names));
    }
    row->read(value);
  }
  if (options.nproc.value_or(1) != 1) {
    fail_usage("nproc is ", *options.nproc, ": train() starts no processes, start the program by ",
               "mpirun or torchrun");
  }
  check_options(options);
  return options;
}

Scores public_scores(const ScoresRecord& record, int64_t step) {
  return {step, record.average, record.tasks};
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
    const TrainResult result = pals::train(read_options(options), callbacks.stop, told);
    if (!result.scores || !result.scores->evaluated) return std::nullopt;
    return public_scores(result.scores->evaluated->best, result.scores->evaluated->step);
  });
}

}  // namespace pals::api

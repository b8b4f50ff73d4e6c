#include <pals/evaluate.h>

#include "api/rethrow.h"
#include "api_train/read_options.h"
#include "kernels/threads.h"
#include "runlog/records.h"
#include "settings/shared.h"
#include "settings/use_options.h"
#include "train/folder_evaluation.h"

namespace pals::api {

std::optional<Scores> evaluate(const EvaluateOptions& options, const std::stop_token& stop) {
  return rethrown([&]() -> std::optional<Scores> {
    EvalOptions read;
    const OptionList known = options_of(read);
    read_options(options, known, {"per_class", "errors", "json"});
    known.check();
    fetch_models(known);
    use_threads_here(0);
    const std::optional<Evaluation> evaluation = evaluate_folder(read, stop);
    if (!evaluation) return std::nullopt;
    const ScoresRecord scores = scores_record(*evaluation);
    return Scores{0, scores.average, scores.tasks};
  });
}

}  // namespace pals::api

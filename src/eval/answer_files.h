// Answers on disk, in the layout of the original's run_squad and of the official scoring scripts.
#pragma once

#include <string>
#include <vector>

#include "eval/answers.h"

namespace pals {

/// Writes <prefix>predictions.json (question id: answer), nbest_predictions.json (its n
/// best with probabilities and logits) and, where questions may be unanswerable, null_odds.json
/// (id: how much better "no answer" is than the best span). Throws Error if they cannot be written.
void write_answer_files(const std::string& prefix, const QuestionSet& questions,
                        const std::vector<PredictedAnswer>& answers, bool unanswerable);

}  // namespace pals

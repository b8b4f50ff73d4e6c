// From a span head's logits to answers in the words of the context (the original's run_squad).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "features/span_features.h"
#include "tasks/squad.h"
#include "text/tokenizer.h"

namespace pals {

/// One of the n best answers to a question.
struct RankedAnswer {
  std::string text;  ///< empty: no answer
  double probability = 0.0;
  double start_logit = 0.0, end_logit = 0.0;
};

/// What a model answers to one question.
struct PredictedAnswer {
  std::string text;                  ///< empty: no answer
  double probability = 0.0;          ///< among the n best; 0 if there is none
  double score = 0.0;                ///< the sum of its logits; 0 if there is none
  std::vector<RankedAnswer> n_best;  ///< the best first
  double null_odds = 0.0;            ///< score of "no answer" over that of the best span (v2.0)
};

/// The answer to a question whose rows lie over `context` as `rows` says. `logits` are the head's
/// outputs for these rows, end to end: start and end of each token. Starts and ends come from the
/// n_best_size best tokens of each row; a span may have at most max_answer_length tokens and must
/// start where its row holds more of the context around it than any other row does.
PredictedAnswer choose_answer(const Tokenizer& tokenizer, const SpanContext& context,
                              const SpanRows& rows, std::span<const float> logits,
                              const SpanOptions& options);

/// The answers to all questions whose texts and rows `features` hold (not those for training), on
/// `threads` threads (0: all cores). `logits`: of all rows, end to end. Throws Error if rows and
/// texts do not fit each other, or the rules.
std::vector<PredictedAnswer> choose_answers(const FeatureSet& features,
                                            std::span<const float> logits, const SpanRules& rules,
                                            int threads = 0);

/// The piece of `original` that `predicted` stands for, which was put together from the tokens of
/// it: "Smith's" of the tokens "smith ' s". `original` itself where that is not to be found out.
std::string project_answer(const std::string& predicted, const std::string& original,
                           const WordRules& rules);

}  // namespace pals

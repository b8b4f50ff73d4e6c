#include "predict/decode.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "eval/answers.h"
#include "eval/scores.h"

namespace pals {
namespace {

std::vector<Prediction> decode_answers(const Task& task, const EncodedRows& rows, size_t form,
                                       std::span<const float> logits, const TextRules& rules,
                                       int threads) {
  std::vector<Prediction> predictions;
  for (PredictedAnswer& answer :
       choose_answers(rows.questions, *rows.features[form], logits, rules.tokenizer, task.span,
                      rules.max_seq_length, threads)) {
    predictions.emplace_back().answer = std::move(answer);
  }
  return predictions;
}

}  // namespace

Prediction make_prediction(const Task& task, std::span<const float> logits) {
  Prediction prediction;
  if (task.kind == TaskKind::kRegression) {
    prediction.value = reported_value(task, static_cast<double>(logits.front()));
    return prediction;
  }
  const auto best = std::ranges::max_element(logits);
  prediction.label = static_cast<int32_t>(best - logits.begin());
  double sum = 0.0;
  for (const float logit : logits) {
    prediction.probabilities.push_back(std::exp(static_cast<double>(logit) - *best));
    sum += prediction.probabilities.back();
  }
  for (double& probability : prediction.probabilities) probability /= sum;
  return prediction;
}

std::vector<Prediction> decode(const Task& task, const EncodedRows& rows, size_t form,
                               std::span<const float> logits, const TextRules& rules, int threads) {
  if (task.kind == TaskKind::kSpan) {
    return decode_answers(task, rows, form, logits, rules, threads);
  }
  const FeatureSet& features = *rows.features[form];
  const auto width = static_cast<size_t>(task.num_outputs());
  std::vector<Prediction> predictions;
  for (int64_t e = 0; e < features.num_examples(); ++e) {
    const auto first = static_cast<size_t>(features.first_row(e)) * width;
    const auto last = static_cast<size_t>(features.first_row(e + 1)) * width;
    predictions.push_back(make_prediction(task, logits.subspan(first, last - first)));
  }
  return predictions;
}

}  // namespace pals

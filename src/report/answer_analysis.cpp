// Of answers to questions.
#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/text_util.h"
#include "eval/answer_metrics.h"
#include "report/kind_analysis.h"
#include "tasks/squad.h"

namespace pals {
namespace {

bool has_no_answer(const PredictionRecord& row) {
  return std::ranges::all_of(texts_of(row.gold),
                             [](const std::string& text) { return text.empty(); });
}

}  // namespace

void analyse_answers(const TaskPredictions& predictions, const Task* task, TaskAnalysis& analysis) {
  // A file of questions that all have answers reads the same either way, but for an empty answer.
  const bool unanswerable = task != nullptr ? task->settings.get<SpanOptions>().unanswerable
                                            : std::ranges::any_of(predictions.rows, has_no_answer);
  auto scores = std::make_shared<std::vector<AnswerScore>>();
  std::vector<double> confidences;
  std::vector<uint8_t> right;
  int64_t without = 0;
  for (size_t i = 0; i < predictions.rows.size(); ++i) {
    const PredictionRecord& row = predictions.rows[i];
    std::vector<std::string> golds = texts_of(row.gold);
    if (golds.empty()) golds.emplace_back();
    const std::string said = value_text(row.prediction);
    const AnswerScore score = score_answer(said, golds, unanswerable);
    scores->push_back(score);
    without += has_no_answer(row) ? 1 : 0;
    if (row.probability) {
      confidences.push_back(*row.probability);
      right.push_back(score.exact_match > 0.0 ? 1 : 0);
    }
    if (score.exact_match > 0.0) continue;
    std::ranges::sort(golds);
    golds.erase(std::unique(golds.begin(), golds.end()), golds.end());
    // Sure of what shares no word with a right answer is the worst.
    analysis.wrong.push_back({.number = i,
                              .badness = 1.0 - score.f1 + row.probability.value_or(0.0),
                              .gold = has_no_answer(row) ? "(no answer)" : join(golds, " / "),
                              .prediction = said.empty() ? "(no answer)" : said,
                              .probability = row.probability,
                              .measure = concat("F1 ", format_double(score.f1, 2))});
  }
  analysis.wrong_order =
      "ordered by F1 and probability: sure of what shares no word with a right answer comes first";
  if (!confidences.empty()) {
    analysis.probabilities_are = "of the answer among the best ones";
    analysis.calibration = calibration_bins(confidences, right);
  }
  if (without > 0) {
    analysis.baseline = {"never an answer", "exact_match",
                         static_cast<double>(without) / static_cast<double>(analysis.rows)};
  }
  analysis.metric_names = {"exact_match", "f1"};
  analysis.statistic = [scores](std::span<const uint32_t> rows) {
    AnswerScore sum;
    for (const uint32_t row : rows) {
      sum.exact_match += (*scores)[row].exact_match;
      sum.f1 += (*scores)[row].f1;
    }
    const auto count = static_cast<double>(std::max<size_t>(1, rows.size()));
    return std::vector<double>{sum.exact_match / count, sum.f1 / count};
  };
}

}  // namespace pals

#include "eval/answer_files.h"

#include "base/file.h"
#include "base/json.h"

namespace pals {
namespace {

/// Writes an object with a member for each question. Line by line: such an object may be large.
template <typename ValueOf>
void write_by_question(const std::string& path, const QuestionSet& questions,
                       const std::vector<PredictedAnswer>& answers, const ValueOf& value_of) {
  AtomicFile file(path);
  file.write("{");
  for (size_t i = 0; i < answers.size(); ++i) {
    file.write(i == 0 ? "\n  " : ",\n  ");
    file.write(json_text(Json(questions.questions[i].id), -1) + ": ");
    file.write(json_text(OrderedJson(value_of(answers[i])), -1));
  }
  file.write("\n}\n");
  file.commit();
}

}  // namespace

void write_answer_files(const std::string& prefix, const QuestionSet& questions,
                        const std::vector<PredictedAnswer>& answers, bool unanswerable) {
  write_by_question(prefix + "predictions.json", questions, answers,
                    [](const PredictedAnswer& answer) { return answer.text; });
  write_by_question(prefix + "nbest_predictions.json", questions, answers,
                    [](const PredictedAnswer& answer) {
                      OrderedJson list = OrderedJson::array();
                      for (const RankedAnswer& ranked : answer.n_best) {
                        list.push_back(OrderedJson{{"text", ranked.text},
                                                   {"probability", ranked.probability},
                                                   {"start_logit", ranked.start_logit},
                                                   {"end_logit", ranked.end_logit}});
                      }
                      return list;
                    });
  if (!unanswerable) return;
  write_by_question(prefix + "null_odds.json", questions, answers,
                    [](const PredictedAnswer& answer) { return answer.null_odds; });
}

}  // namespace pals

// Questions about contexts, answered by a span of the context: SQuAD's JSON, v1.1 and v2.0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pals {

class RowWatch;

/// How a span task cuts contexts into rows and chooses answers (the original's run_squad).
struct SpanOptions {
  int doc_stride = 128;        ///< tokens from the start of one row's part of a context to the next
  int max_query_length = 64;   ///< tokens of a question; longer ones are cut
  int max_answer_length = 30;  ///< tokens of an answer
  int n_best_size = 20;        ///< answers kept for each question
  bool unanswerable = false;   ///< questions may have no answer (v2.0)
  double null_threshold = 0.0;  ///< "no answer" wins if it is better than the best span by more

  bool operator==(const SpanOptions&) const = default;
};

/// One answer as it stands in the file.
struct Answer {
  std::string text;
  int64_t start = 0;  ///< the code point of the context at which it begins

  bool operator==(const Answer&) const = default;
};

/// One question. `answers` are empty where it has none (v2.0) or the file tells none (test files).
struct Question {
  std::string id, text;
  int32_t context = 0;  ///< index into QuestionSet::contexts
  std::vector<Answer> answers;

  bool operator==(const Question&) const = default;
};

/// The questions of a file, and the texts that they are about.
struct QuestionSet {
  std::vector<std::string> contexts;
  std::vector<Question> questions;

  bool operator==(const QuestionSet&) const = default;
};

/// What a file must hold beside contexts and questions.
struct SquadRules {
  bool unanswerable = false;   ///< questions without answers are allowed
  bool needs_answers = false;  ///< other questions must have answers (train and dev files)
};

/// A file may not be larger.
inline constexpr size_t kMaxSquadBytes = size_t{1} << 30;

/// Reads a SQuAD file. Throws Error "where: question "id": ..." for missing or wrong parts, answers
/// that begin outside of their context, ids that come twice; "where: article 3, paragraph 2: ..."
/// where no question is to blame; and as parse_json does. Errors of single questions, and of what
/// is around them, go to `watch`, if there is one.
QuestionSet parse_squad(std::string_view bytes, const std::string& where, const SquadRules& rules,
                        RowWatch* watch = nullptr);

}  // namespace pals

// SQuAD's measures of an answer: exact match and F1 of its words, by the official scripts' rules.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace pals {

/// What an answer is compared by: lower-cased, without ASCII punctuation, without the words a, an
/// and the, its words with one blank between.
std::string normalize_answer(std::string_view utf8);

/// How well one answer fits; both in [0, 1].
struct AnswerScore {
  double exact_match = 0.0;
  double f1 = 0.0;
};

/// The best of each over all right answers, of which there is at least one. Where questions may be
/// `unanswerable` (v2.0), right answers of which normalising leaves nothing do not count, no right
/// answer at all means the empty one, and an empty answer has F1 1 against an empty one; else
/// (v1.1) it has F1 0.
AnswerScore score_answer(std::string_view answer, std::span<const std::string> right_answers,
                         bool unanswerable);

}  // namespace pals

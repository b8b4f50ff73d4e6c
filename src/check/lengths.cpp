#include "check/lengths.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/text_util.h"
#include "features/features.h"
#include "features/parallel.h"
#include "features/span_features.h"
#include "kinds/kind.h"

namespace pals {
namespace {

constexpr int64_t kLengthsPerPiece = 1024;
constexpr int64_t kLongest = 1 << 20;
constexpr int kSpecialTokens = 2;  // [CLS] [SEP], and one more of a pair
constexpr double kStillCut = 0.01;

/// Tokens of the longest row of each example, special ones included.
std::vector<int32_t> token_lengths(const CheckedFile& checked, const LengthRules& rules) {
  const std::vector<Example>& examples = checked.set.examples;
  std::vector<int32_t> lengths(examples.size());
  const auto count = static_cast<int64_t>(examples.size());
  parallel_for(
      (count + kLengthsPerPiece - 1) / kLengthsPerPiece, rules.threads, [&](int64_t piece) {
        FeatureSet features;
        const int64_t first = piece * kLengthsPerPiece,
                      last = std::min(count, first + kLengthsPerPiece);
        for (int64_t item = first; item < last; ++item) {
          encode_example(examples[static_cast<size_t>(item)], *rules.tokenizer, kLongest, features);
        }
        for (int64_t item = first; item < last; ++item) {
          int64_t longest = 0;
          for (int64_t row = features.first_row(item - first);
               row < features.first_row(item - first + 1); ++row) {
            longest = std::max(longest, features.row_length(row));
          }
          lengths[static_cast<size_t>(item)] = static_cast<int32_t>(longest);
        }
      });
  return lengths;
}

std::vector<int32_t> word_lengths(const CheckedFile& checked, const std::vector<int32_t>& words) {
  std::vector<int32_t> lengths = words;
  const int special = kSpecialTokens + (checked.file->text_b ? 1 : 0);
  for (int32_t& length : lengths) length = std::min(length, INT32_MAX - special) + special;
  return lengths;
}

/// The length that a share of all lengths does not exceed; they are sorted.
int32_t quantile(const std::vector<int32_t>& sorted, double share) {
  const auto place = static_cast<size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::clamp<size_t>(place, 1, sorted.size()) - 1];
}

std::string percent(int64_t part, size_t of) {
  const double share = 100.0 * static_cast<double>(part) / static_cast<double>(of);
  return concat(format_double(share, share < 10.0 ? 1 : 0), " %");
}

}  // namespace

void check_lengths(const Task& task, const TaskTexts& texts, const LengthRules& rules,
                   ProblemList& problems) {
  if (kind_of(task).has_windows()) return;
  for (size_t i = 0; i < texts.files().size(); ++i) {
    const CheckedFile& checked = texts.files()[i];
    // Of choices the words are of all rows together.
    if (rules.tokenizer == nullptr && !checked.file->choices.empty()) continue;
    std::vector<int32_t> lengths = rules.tokenizer != nullptr
                                       ? token_lengths(checked, rules)
                                       : word_lengths(checked, texts.words(i));
    const auto longest = std::ranges::max_element(lengths) - lengths.begin();
    const int64_t cut = std::ranges::count_if(
        lengths, [&](int32_t length) { return length > rules.max_seq_length; });
    if (cut == 0) continue;
    std::ranges::sort(lengths);
    problems.add(
        {Severity::kWarning, checked.file->path, checked.line(longest), task.name,
         concat(percent(cut, lengths.size()), " of ", counted(std::ssize(lengths), "text"), " (",
                cut, cut == 1 ? ") is" : ") are", " longer than --max_seq_length ",
                rules.max_seq_length, " and cut; half have ", "up to ", quantile(lengths, 0.5),
                " tokens, 90 % up to ", quantile(lengths, 0.9), ", 99 % up to ",
                quantile(lengths, 1.0 - kStillCut), ", the longest, here, ", lengths.back(),
                rules.tokenizer == nullptr
                    ? "; estimated by words and punctuation marks without a vocabulary "
                      "(--init_checkpoint or --vocab_file), tokens are more"
                    : "")});
  }
}

void check_answers(const Task& task, const CheckedFile& checked, const LengthRules& rules,
                   ProblemList& problems) {
  const QuestionSet& set = checked.set.questions;
  if (rules.tokenizer == nullptr || set.questions.empty()) return;
  std::vector<uint8_t> lost(set.questions.size());
  std::vector<std::vector<size_t>> of_context(set.contexts.size());
  for (size_t q = 0; q < set.questions.size(); ++q) {
    of_context[static_cast<size_t>(set.questions[q].context)].push_back(q);
  }
  parallel_for(static_cast<int64_t>(of_context.size()), rules.threads, [&](int64_t c) {
    const std::string& text = set.contexts[static_cast<size_t>(c)];
    const SpanContext context = split_context(*rules.tokenizer, text);
    for (const size_t q : of_context[static_cast<size_t>(c)]) {
      const std::vector<Answer>& answers = set.questions[q].answers;
      if (answers.empty()) continue;
      lost[q] = !find_answer(*rules.tokenizer, text, context, answers.front(),
                             static_cast<size_t>(rules.max_seq_length));
    }
  });
  for (size_t q = 0; q < lost.size(); ++q) {
    if (lost[q] == 0) continue;
    const Question& question = set.questions[q];
    problems.add({Severity::kWarning, checked.file->path, checked.line(static_cast<int64_t>(q)),
                  task.name,
                  concat("question ", quote(question.id), ": the answer ",
                         quote(question.answers.front().text), " does not stand at character ",
                         question.answers.front().start, "; training leaves the question out")});
  }
}

}  // namespace pals

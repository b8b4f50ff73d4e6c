#include "eval/answers.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "base/error.h"
#include "base/text_util.h"
#include "base/utf8.h"
#include "features/parallel.h"
#include "text/basic_words.h"

namespace pals {
namespace {

/// A span of a row that may be the answer; of [CLS] alone, "no answer".
struct Candidate {
  size_t window = 0;
  int64_t start = 0, end = 0;  // tokens of the row
  double start_logit = 0.0, end_logit = 0.0;

  double score() const { return start_logit + end_logit; }
};

/// The logits of one row.
struct RowLogits {
  const float* values;
  int64_t length;

  double start(int64_t token) const { return static_cast<double>(values[2 * token]); }
  double end(int64_t token) const { return static_cast<double>(values[2 * token + 1]); }
};

/// The tokens of the `count` largest logits, the largest first.
std::vector<int64_t> best_tokens(const RowLogits& row, bool of_start, int count) {
  std::vector<int64_t> tokens(static_cast<size_t>(row.length));
  std::iota(tokens.begin(), tokens.end(), int64_t{0});
  const auto better = [&](int64_t a, int64_t b) {
    const double first = of_start ? row.start(a) : row.end(a);
    const double second = of_start ? row.start(b) : row.end(b);
    return first != second ? first > second : a < b;
  };
  const int64_t kept = std::min<int64_t>(count, row.length);
  std::partial_sort(tokens.begin(), tokens.begin() + kept, tokens.end(), better);
  tokens.resize(static_cast<size_t>(kept));
  return tokens;
}

/// The window in which a token of the context has the most of it around.
size_t best_window(const SpanRows& rows, int64_t token) {
  size_t best = 0;
  double best_score = -1.0;
  for (size_t w = 0; w < rows.windows.size(); ++w) {
    const SpanWindow& window = rows.windows[w];
    const int64_t left = token - window.first, right = window.first + window.size - 1 - token;
    if (left < 0 || right < 0) continue;
    const double score =
        static_cast<double>(std::min(left, right)) + 0.01 * static_cast<double>(window.size);
    if (score > best_score) {
      best = w;
      best_score = score;
    }
  }
  return best;
}

void collect_candidates(const SpanRows& rows, size_t w, const RowLogits& row,
                        const SpanOptions& options, std::vector<Candidate>& candidates) {
  const SpanWindow& window = rows.windows[w];
  const int64_t first = rows.first_length, last = first + window.size;
  const std::vector<int64_t> ends = best_tokens(row, false, options.n_best_size);
  for (const int64_t start : best_tokens(row, true, options.n_best_size)) {
    if (start < first || start >= last) continue;
    if (best_window(rows, window.first + start - first) != w) continue;
    for (const int64_t end : ends) {
      if (end < start || end >= last || end - start + 1 > options.max_answer_length) continue;
      candidates.push_back({w, start, end, row.start(start), row.end(end)});
    }
  }
}

/// The tokens as text, pieces of a word joined.
std::string text_of_tokens(const Vocabulary& vocabulary, std::span<const int32_t> ids) {
  std::string text;
  for (const int32_t id : ids) {
    const std::string_view token = vocabulary.token(id);
    const bool continues = token.starts_with("##");
    if (!text.empty() && !continues) text += ' ';
    text += continues ? token.substr(2) : token;
  }
  return text;
}

std::string text_of(const Candidate& candidate, const Tokenizer& tokenizer,
                    const SpanContext& context, const SpanRows& rows) {
  const int64_t shift = rows.windows[candidate.window].first - rows.first_length;
  const auto first = static_cast<size_t>(candidate.start + shift);
  const auto last = static_cast<size_t>(candidate.end + shift);
  const std::string predicted = text_of_tokens(
      tokenizer.vocabulary(), std::span(context.token_ids).subspan(first, last - first + 1));
  const std::string original =
      join_words(context, context.token_words[first], context.token_words[last]);
  return project_answer(predicted, original, tokenizer.rules());
}

void set_probabilities(std::vector<RankedAnswer>& answers) {
  double largest = -std::numeric_limits<double>::infinity(), sum = 0.0;
  for (const RankedAnswer& answer : answers) {
    largest = std::max(largest, answer.start_logit + answer.end_logit);
  }
  for (RankedAnswer& answer : answers) {
    answer.probability = std::exp(answer.start_logit + answer.end_logit - largest);
    sum += answer.probability;
  }
  for (RankedAnswer& answer : answers) answer.probability /= sum;
}

/// Takes the answer that is shown out of the n best.
void decide(const Candidate& null, const SpanOptions& options, PredictedAnswer& answer) {
  const auto& n_best = answer.n_best;
  const auto span = std::find_if(n_best.begin(), n_best.end(),
                                 [](const RankedAnswer& ranked) { return !ranked.text.empty(); });
  auto chosen = span;
  if (options.unanswerable) {
    const auto none = std::find_if(n_best.begin(), n_best.end(),
                                   [](const RankedAnswer& ranked) { return ranked.text.empty(); });
    // Without any span "no answer" is all there is.
    answer.null_odds =
        span == n_best.end() ? 0.0 : null.score() - span->start_logit - span->end_logit;
    if (span == n_best.end() || answer.null_odds > options.null_threshold) chosen = none;
  }
  if (chosen == n_best.end()) return;
  answer.text = chosen->text;
  answer.probability = chosen->probability;
  answer.score = chosen->start_logit + chosen->end_logit;
}

/// Text without its blanks, and where the characters that are left stand in it.
struct Dense {
  std::u32string text;
  std::vector<size_t> places;
};

Dense without_blanks(const std::u32string& text) {
  Dense dense;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ') continue;
    dense.text += text[i];
    dense.places.push_back(i);
  }
  return dense;
}

std::u32string code_points(std::string_view utf8) {
  std::u32string codes;
  const char* const end = utf8.data() + utf8.size();
  for (const char* at = utf8.data(); at < end;) {
    const CodePoint code = decode_utf8(at, end);
    codes += code.value;
    at += code.size;
  }
  return codes;
}

}  // namespace

std::string project_answer(const std::string& predicted, const std::string& original,
                           const WordRules& rules) {
  const std::u32string tokens = code_points(join(basic_words(original, rules), " "));
  const std::u32string wanted = code_points(predicted);
  const size_t at = tokens.find(wanted);
  if (wanted.empty() || at == std::u32string::npos) return original;
  const std::u32string text = code_points(original);
  const Dense dense_text = without_blanks(text), dense_tokens = without_blanks(tokens);
  // Folding may change the number of characters: then there is no telling which is which.
  if (dense_text.text.size() != dense_tokens.text.size()) return original;
  const auto place_of = [&](size_t token_place) {
    const auto& places = dense_tokens.places;
    const auto found = std::lower_bound(places.begin(), places.end(), token_place);
    return dense_text.places[static_cast<size_t>(found - places.begin())];
  };
  const size_t first = place_of(at), last = place_of(at + wanted.size() - 1);
  std::string result;
  for (size_t i = first; i <= last; ++i) result += to_utf8(text[i]);
  return result;
}

PredictedAnswer choose_answer(const Tokenizer& tokenizer, const SpanContext& context,
                              const SpanRows& rows, std::span<const float> logits,
                              const SpanOptions& options) {
  std::vector<Candidate> candidates;
  Candidate null;
  const float* at = logits.data();
  for (size_t w = 0; w < rows.windows.size(); ++w) {
    const RowLogits row{at, rows.row_length(w)};
    collect_candidates(rows, w, row, options, candidates);
    const Candidate cls{w, 0, 0, row.start(0), row.end(0)};
    if (w == 0 || cls.score() < null.score()) null = cls;
    at += 2 * row.length;
  }
  if (options.unanswerable) candidates.push_back(null);
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.score() > b.score(); });

  PredictedAnswer answer;
  std::set<std::string> seen;
  for (const Candidate& candidate : candidates) {
    if (static_cast<int>(answer.n_best.size()) >= options.n_best_size) break;
    std::string text =
        candidate.start > 0 ? text_of(candidate, tokenizer, context, rows) : std::string();
    if (!seen.insert(text).second) continue;
    answer.n_best.push_back({std::move(text), 0.0, candidate.start_logit, candidate.end_logit});
  }
  if (options.unanswerable && !seen.contains("")) {
    answer.n_best.push_back({"", 0.0, null.start_logit, null.end_logit});
  }
  set_probabilities(answer.n_best);
  decide(null, options, answer);
  return answer;
}

std::vector<PredictedAnswer> choose_answers(const FeatureSet& features,
                                            std::span<const float> logits, const SpanRules& rules,
                                            int threads) {
  const FeatureTexts& texts = features.texts;
  const std::vector<Question>& questions = texts.questions.questions;
  std::vector<SpanContext> contexts(texts.tokens.size());
  parallel_for(static_cast<int64_t>(contexts.size()), threads, [&](int64_t c) {
    const auto i = static_cast<size_t>(c);
    contexts[i] = {texts.tokens[i], split_words(texts.questions.contexts[i])};
  });
  // The rows of the questions follow one another.
  struct Place {
    int64_t first_row = 0;
    SpanRows rows;
  };
  std::vector<Place> places;
  int64_t next_row = 0;
  for (const Question& question : questions) {
    if (next_row >= features.num_rows()) break;
    const SpanContext& context = contexts[static_cast<size_t>(question.context)];
    places.push_back({next_row, span_rows(features.first_lengths[static_cast<size_t>(next_row)],
                                          static_cast<int64_t>(context.token_ids.size()),
                                          rules.options, rules.max_seq_length)});
    for (size_t w = 0; w < places.back().rows.windows.size(); ++w, ++next_row) {
      if (next_row >= features.num_rows() ||
          features.row_length(next_row) != places.back().rows.row_length(w)) {
        fail("the features are not those of these questions");
      }
    }
  }
  if (places.size() != questions.size() || next_row != features.num_rows() ||
      logits.size() != 2 * features.token_ids.size()) {
    fail("the features are not those of these questions");
  }
  std::vector<PredictedAnswer> answers(places.size());
  parallel_for(static_cast<int64_t>(places.size()), threads, [&](int64_t q) {
    const auto i = static_cast<size_t>(q);
    const auto first_token =
        static_cast<size_t>(features.row_offsets[static_cast<size_t>(places[i].first_row)]);
    answers[i] = choose_answer(rules.tokenizer, contexts[static_cast<size_t>(questions[i].context)],
                               places[i].rows, logits.subspan(2 * first_token), rules.options);
  });
  return answers;
}

}  // namespace pals

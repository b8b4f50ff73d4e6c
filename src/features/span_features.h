// Questions and contexts as rows `[CLS] question [SEP] part of the context [SEP]`: long contexts
// are cut into overlapping parts, and answers become a first and a last token.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "features/features.h"
#include "tasks/squad.h"
#include "text/tokenizer.h"

namespace pals {

/// A context cut into words, which is what stands between white space, and these into T tokens.
struct SpanContext : ContextTokens {
  std::vector<std::string_view> words;  ///< views of the text
};

/// Cuts a context; it must outlive the result.
SpanContext split_context(const Tokenizer& tokenizer, std::string_view text);

/// The words of a text, which must outlive them.
std::vector<std::string_view> split_words(std::string_view text);

/// The words with one blank between.
std::string join_words(const SpanContext& context, int64_t first, int64_t last);

/// The tokens of the context that one row holds.
struct SpanWindow {
  int64_t first = 0, size = 0;
};

/// How a question and its context lie over rows: `first_length` tokens [CLS] question [SEP], a
/// window of the context, and [SEP].
struct SpanRows {
  int32_t first_length = 0;
  std::vector<SpanWindow> windows;  ///< never none; one of size 0 for a context without tokens

  int64_t row_length(size_t window) const { return first_length + windows[window].size + 1; }
};

/// The rows of a question whose [CLS] question [SEP] has `first_length` tokens.
SpanRows span_rows(int64_t first_length, int64_t context_tokens, const SpanOptions& options,
                   int max_seq_length);

/// [CLS] question [SEP]: at most max_query_length tokens of the question, and no more than half of
/// the row. Throws UsageError unless max_seq_length leaves a row room for a token of each.
std::vector<int32_t> encode_question(const Tokenizer& tokenizer, std::string_view question,
                                     const SpanOptions& options, int max_seq_length);

/// Tokens [first, last] of a context.
struct TokenSpan {
  int64_t first = 0, last = 0;
};

/// Where an answer stands among the tokens of its context: the words it touches, or the tokens
/// within them that are exactly the answer's. Nothing if the text at its place is another one, or
/// if it has no tokens. Answers of more than `max_tokens` tokens are left at whole words.
std::optional<TokenSpan> find_answer(const Tokenizer& tokenizer, std::string_view text,
                                     const SpanContext& context, const Answer& answer,
                                     size_t max_tokens);

/// How a span task's questions become rows.
struct SpanRules {
  const Tokenizer& tokenizer;
  const SpanOptions& options;
  int max_seq_length;
};

/// The rows of all questions, in their order, each an example: a question has one or more. The
/// targets are the first and the last token of the first answer; in a row that does not hold it
/// whole, or of a question without answers, the [CLS] token. An answer that is not found: with
/// `training` such questions are left out and counted as skipped, else the row has no targets. The
/// texts are kept with the features, unless they are for training. Throws as encode_question and
/// collect_features do.
FeatureSet make_span_features(const QuestionSet& questions, const SpanRules& rules, bool training,
                              int threads = 0, const std::stop_token& stop = {});

/// Adds a question about a context for prediction, and keeps their texts. A context that equals the
/// last one is kept once, and not cut again. Throws as encode_question does.
void append_question(const std::string& question, const std::string& context,
                     const SpanRules& rules, FeatureSet& features);

}  // namespace pals

#include "features/span_features.h"

#include <algorithm>

#include "base/error.h"
#include "base/text_util.h"
#include "base/utf8.h"

namespace pals {
namespace {

constexpr int64_t kContextsPerChunk = 32;
constexpr int kSpecialTokens = 3;      // [CLS] [SEP] [SEP]
constexpr size_t kNamedQuestions = 3;  // of those that are left out

/// What the original counts as white space between words.
bool is_word_break(char32_t code) {
  return code == ' ' || code == '\t' || code == '\r' || code == '\n' || code == 0x202F;
}

std::string join_words(const std::vector<std::string_view>& words, int64_t first, int64_t last) {
  std::string text;
  for (int64_t i = first; i <= last; ++i) {
    if (i > first) text += ' ';
    text += words[static_cast<size_t>(i)];
  }
  return text;
}

/// The byte at which code point `number` begins; nothing past the end.
std::optional<size_t> byte_of(std::string_view text, int64_t number) {
  const char* at = text.data();
  const char* const end = at + text.size();
  for (int64_t i = 0; i < number && at < end; ++i) at += decode_utf8(at, end).size;
  if (at >= end) return std::nullopt;
  return static_cast<size_t>(at - text.data());
}

/// The last word that begins at or before a byte of the text; -1 if none does.
int64_t word_at(std::string_view text, const SpanContext& context, size_t byte) {
  const auto after = std::upper_bound(
      context.words.begin(), context.words.end(), text.data() + byte,
      [](const char* place, std::string_view word) { return place < word.data(); });
  return after - context.words.begin() - 1;
}

/// The tokens of words [first, last]; nothing if they have none.
std::optional<TokenSpan> tokens_of(const SpanContext& context, int64_t first, int64_t last) {
  const auto& words = context.token_words;
  const auto begin = std::lower_bound(words.begin(), words.end(), first);
  const auto end = std::upper_bound(words.begin(), words.end(), last);
  if (begin >= end) return std::nullopt;
  return TokenSpan{begin - words.begin(), end - words.begin() - 1};
}

void append_window(const Vocabulary& vocabulary, const std::vector<int32_t>& question,
                   const ContextTokens& context, const SpanWindow& window,
                   const std::vector<float>& targets, FeatureSet& features) {
  std::vector<int32_t>& ids = features.token_ids;
  ids.insert(ids.end(), question.begin(), question.end());
  const auto first = context.token_ids.begin() + window.first;
  ids.insert(ids.end(), first, first + window.size);
  ids.push_back(vocabulary.sep_id());
  features.end_row(static_cast<int32_t>(question.size()));
  features.end_example(targets);
}

/// First and last token of the answer in the row of a window; [CLS] if the window does not hold all
/// of them.
std::vector<float> targets_in(const SpanWindow& window, const TokenSpan& answer,
                              int32_t first_length) {
  if (answer.first < window.first || answer.last >= window.first + window.size) return {0, 0};
  const int64_t shift = first_length - window.first;
  return {static_cast<float>(answer.first + shift), static_cast<float>(answer.last + shift)};
}

/// A context of a QuestionSet and its questions, which follow one another.
struct ContextQuestions {
  size_t first = 0, last = 0;
};

std::vector<ContextQuestions> questions_by_context(const QuestionSet& set) {
  std::vector<ContextQuestions> ranges(set.contexts.size());
  for (size_t q = 0; q < set.questions.size(); ++q) {
    ContextQuestions& range = ranges[static_cast<size_t>(set.questions[q].context)];
    if (range.last == 0) range.first = q;
    range.last = q + 1;
  }
  return ranges;
}

/// Adds the rows of a question with the targets that `targets_of` gives for their windows.
template <typename TargetsOf>
void append_rows(const ContextTokens& context, const std::string& question, const SpanRules& rules,
                 FeatureSet& features, const TargetsOf& targets_of) {
  const std::vector<int32_t> ids =
      encode_question(rules.tokenizer, question, rules.options, rules.max_seq_length);
  const SpanRows rows =
      span_rows(static_cast<int64_t>(ids.size()), static_cast<int64_t>(context.token_ids.size()),
                rules.options, rules.max_seq_length);
  for (const SpanWindow& window : rows.windows) {
    append_window(rules.tokenizer.vocabulary(), ids, context, window,
                  targets_of(window, rows.first_length), features);
  }
}

void append_labelled(std::string_view text, const SpanContext& context, const Question& question,
                     const SpanRules& rules, bool training, FeatureSet& features) {
  std::optional<TokenSpan> answer;
  if (!question.answers.empty()) {
    answer = find_answer(rules.tokenizer, text, context, question.answers.front(),
                         static_cast<size_t>(rules.max_seq_length));
    if (!answer && training) {
      ++features.skipped;
      if (features.notes.size() < kNamedQuestions) features.notes.push_back(quote(question.id));
      return;
    }
  }
  append_rows(context, question.text, rules, features,
              [&](const SpanWindow& window, int32_t first_length) -> std::vector<float> {
                if (answer) return targets_in(window, *answer, first_length);
                if (question.answers.empty()) return {0, 0};
                return {};
              });
}

/// Makes one note of the questions that were noted.
void name_left_out(FeatureSet& features) {
  std::vector<std::string>& names = features.notes;
  if (names.empty()) return;
  if (names.size() > kNamedQuestions) names.resize(kNamedQuestions);
  const int64_t more = features.skipped - std::ssize(names);
  names = {concat("left out: ", join(names, ", "), more > 0 ? concat(" and ", more, " more") : "")};
}

}  // namespace

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  const char* const end = text.data() + text.size();
  const char* begin = nullptr;  // of the word in hand
  for (const char* at = text.data(); at < end;) {
    const CodePoint code = decode_utf8(at, end);
    const bool breaks = is_word_break(code.value);
    if (breaks && begin != nullptr) words.emplace_back(begin, static_cast<size_t>(at - begin));
    if (breaks) begin = nullptr;
    if (!breaks && begin == nullptr) begin = at;
    at += code.size;
  }
  if (begin != nullptr) words.emplace_back(begin, static_cast<size_t>(end - begin));
  return words;
}

SpanContext split_context(const Tokenizer& tokenizer, std::string_view text) {
  SpanContext context;
  context.words = split_words(text);
  for (size_t word = 0; word < context.words.size(); ++word) {
    tokenizer.encode(context.words[word], context.token_ids);
    context.token_words.resize(context.token_ids.size(), static_cast<int32_t>(word));
  }
  return context;
}

std::string join_words(const SpanContext& context, int64_t first, int64_t last) {
  return join_words(context.words, first, last);
}

SpanRows span_rows(int64_t first_length, int64_t context_tokens, const SpanOptions& options,
                   int max_seq_length) {
  const int64_t room = std::max<int64_t>(1, max_seq_length - first_length - 1);
  SpanRows rows{.first_length = static_cast<int32_t>(first_length), .windows = {}};
  for (int64_t first = 0;;) {
    const int64_t size = std::min(room, context_tokens - first);
    rows.windows.push_back({first, size});
    if (first + size >= context_tokens) return rows;
    first += std::min<int64_t>(size, options.doc_stride);
  }
}

std::vector<int32_t> encode_question(const Tokenizer& tokenizer, std::string_view question,
                                     const SpanOptions& options, int max_seq_length) {
  if (max_seq_length < kSpecialTokens + 2) {
    fail_usage("max_seq_length is ", max_seq_length, "; a span task needs at least ",
               kSpecialTokens + 2);
  }
  const int most = std::min(options.max_query_length, (max_seq_length - kSpecialTokens) / 2);
  std::vector<int32_t> ids = {tokenizer.vocabulary().cls_id()};
  tokenizer.encode(question, ids, static_cast<size_t>(most));
  ids.push_back(tokenizer.vocabulary().sep_id());
  return ids;
}

std::optional<TokenSpan> find_answer(const Tokenizer& tokenizer, std::string_view text,
                                     const SpanContext& context, const Answer& answer,
                                     size_t max_tokens) {
  const auto length = static_cast<int64_t>(count_code_points(answer.text));
  const std::optional<size_t> begin = byte_of(text, answer.start);
  const std::optional<size_t> end = byte_of(text, answer.start + length - 1);
  if (length == 0 || !begin || !end) return std::nullopt;
  const int64_t first_word = word_at(text, context, *begin);
  const int64_t last_word = word_at(text, context, *end);
  if (first_word < 0) return std::nullopt;
  const std::vector<std::string_view> wanted = split_words(answer.text);
  const std::string clean = join_words(wanted, 0, static_cast<int64_t>(wanted.size()) - 1);
  if (join_words(context, first_word, last_word).find(clean) == std::string::npos) {
    return std::nullopt;
  }
  const std::optional<TokenSpan> whole = tokens_of(context, first_word, last_word);
  if (!whole) return std::nullopt;
  // "1895" in "(1895-1943)": the tokens within the words that are the answer's own.
  std::vector<int32_t> ids;
  tokenizer.encode(answer.text, ids, max_tokens + 1);
  if (ids.empty() || ids.size() > max_tokens) return whole;
  const auto first = context.token_ids.begin() + whole->first;
  const auto last = context.token_ids.begin() + whole->last + 1;
  const auto found = std::search(first, last, ids.begin(), ids.end());
  if (found == last) return whole;
  const int64_t start = found - context.token_ids.begin();
  return TokenSpan{start, start + static_cast<int64_t>(ids.size()) - 1};
}

FeatureSet make_span_features(const QuestionSet& questions, const SpanRules& rules, bool training,
                              int threads, const std::stop_token& stop) {
  const std::vector<ContextQuestions> ranges = questions_by_context(questions);
  std::vector<ContextTokens> tokens(training ? 0 : ranges.size());
  FeatureSet all = collect_features(static_cast<int64_t>(ranges.size()), kContextsPerChunk, threads,
                                    stop, [&](int64_t item, FeatureSet& features) {
                                      const auto c = static_cast<size_t>(item);
                                      const std::string& text = questions.contexts[c];
                                      SpanContext context = split_context(rules.tokenizer, text);
                                      for (size_t q = ranges[c].first; q < ranges[c].last; ++q) {
                                        append_labelled(text, context, questions.questions[q],
                                                        rules, training, features);
                                      }
                                      if (!training) tokens[c] = std::move(context);
                                    });
  if (!training) all.texts = {questions, std::move(tokens)};
  name_left_out(all);
  return all;
}

void append_question(const std::string& question, const std::string& context,
                     const SpanRules& rules, FeatureSet& features) {
  FeatureTexts& texts = features.texts;
  // Questions about one context tend to follow one another.
  if (texts.tokens.empty() || texts.questions.contexts.back() != context) {
    texts.tokens.push_back(split_context(rules.tokenizer, context));
    texts.questions.contexts.push_back(context);
  }
  append_rows(texts.tokens.back(), question, rules, features,
              [](const SpanWindow&, int32_t) { return std::vector<float>(); });
  const auto place = static_cast<int32_t>(texts.tokens.size()) - 1;
  texts.questions.questions.push_back({"", question, place, {}});
}

}  // namespace pals

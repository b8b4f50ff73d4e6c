#include "features/tagging_features.h"

#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"
#include "features/span_features.h"
#include "text/unicode_rules.h"

namespace pals {
namespace {

constexpr int64_t kTextsPerChunk = 256;
constexpr int kTaggingSpecialTokens = 2;  // [CLS] [SEP]
constexpr std::string_view kNoBreakSpace = "\xC2\xA0";
constexpr float kNoTag = -1.0F;

/// A word cut before and behind each character of punctuation.
void split_punctuation(std::string_view word, std::vector<std::string_view>& words) {
  const char* const end = word.data() + word.size();
  const char* begin = word.data();
  const auto add = [&](const char* last) {
    if (begin < last) words.emplace_back(begin, static_cast<size_t>(last - begin));
    begin = last;
  };
  for (const char* at = word.data(); at < end;) {
    const CodePoint code = decode_utf8(at, end);
    const bool mark = is_bert_punctuation(code.value);
    if (mark) add(at);
    at += code.size;
    if (mark) add(at);
  }
  add(end);
}

/// The tokens of words; each has one at least.
ContextTokens tokens_of(const std::vector<std::string_view>& words, const Tokenizer& tokenizer) {
  ContextTokens tokens;
  for (size_t word = 0; word < words.size(); ++word) {
    const size_t before = tokens.token_ids.size();
    tokenizer.encode(words[word], tokens.token_ids);
    if (tokens.token_ids.size() == before) {
      tokens.token_ids.push_back(tokenizer.vocabulary().unk_id());
    }
    tokens.token_words.resize(tokens.token_ids.size(), static_cast<int32_t>(word));
  }
  return tokens;
}

bool is_first_of_word(const ContextTokens& tokens, int64_t token) {
  const auto t = static_cast<size_t>(token);
  return t == 0 || tokens.token_words[t] != tokens.token_words[t - 1];
}

/// A tag for each token of a row.
std::vector<float> targets_of(const ContextTokens& tokens, const SpanWindow& window,
                              const std::vector<float>& tags) {
  if (tags.empty()) return {};
  std::vector<float> targets(static_cast<size_t>(window.size) + kTaggingSpecialTokens, kNoTag);
  for (int64_t i = 0; i < window.size; ++i) {
    const int64_t token = window.first + i;
    if (!is_first_of_word(tokens, token)) continue;
    const auto word = static_cast<size_t>(tokens.token_words[static_cast<size_t>(token)]);
    targets[static_cast<size_t>(i) + 1] = tags.at(word);
  }
  return targets;
}

void append_rows(const ContextTokens& tokens, const std::vector<float>& tags,
                 const TaggingRules& rules, FeatureSet& features) {
  if (rules.max_seq_length <= kTaggingSpecialTokens) {
    fail_usage("max_seq_length is ", rules.max_seq_length, "; a tagging needs at least ",
               kTaggingSpecialTokens + 1);
  }
  const Vocabulary& vocabulary = rules.tokenizer.vocabulary();
  const SpanRows rows = span_rows(1, static_cast<int64_t>(tokens.token_ids.size()),
                                  {.doc_stride = rules.rows.doc_stride}, rules.max_seq_length);
  for (const SpanWindow& window : rows.windows) {
    std::vector<int32_t>& ids = features.token_ids;
    ids.push_back(vocabulary.cls_id());
    const auto first = tokens.token_ids.begin() + window.first;
    ids.insert(ids.end(), first, first + window.size);
    ids.push_back(vocabulary.sep_id());
    features.end_row(static_cast<int32_t>(window.size) + kTaggingSpecialTokens);
    features.end_example(targets_of(tokens, window, tags));
  }
}

/// The places of one text's words, whose rows begin with `row`; moves on to the next text's.
std::vector<WordPlace> places_in(const FeatureSet& features, const ContextTokens& tokens,
                                 int doc_stride, int64_t& row) {
  const auto count = static_cast<int64_t>(tokens.token_ids.size());
  std::vector<WordPlace> places;
  std::vector<double> best;  // tokens around each word
  for (int64_t first = 0;;) {
    if (row == features.num_rows()) fail("its texts have more rows than there are");
    const int64_t size = features.row_length(row) - kTaggingSpecialTokens;
    if (size < 0 || first + size > count || (size == 0 && count > 0)) {
      fail("row ", row, " is not of its text");
    }
    for (int64_t i = 0; i < size; ++i) {
      if (!is_first_of_word(tokens, first + i)) continue;
      const auto word = static_cast<size_t>(tokens.token_words[static_cast<size_t>(first + i)]);
      // As the original's run_squad prefers one row to another.
      const double around =
          static_cast<double>(std::min(i, size - 1 - i)) + 0.01 * static_cast<double>(size);
      if (word == places.size()) {
        places.push_back({row, i + 1});
        best.push_back(around);
      } else if (word < places.size() && around > best[word]) {
        places[word] = {row, i + 1};
        best[word] = around;
      }
    }
    ++row;
    if (first + size >= count) return places;
    first += std::min<int64_t>(size, doc_stride);
  }
}

}  // namespace

std::vector<std::string_view> words_to_tag(std::string_view text, const TaggingRows& rows) {
  std::vector<std::string_view> words = split_words(text);
  if (!rows.punctuation) return words;
  std::vector<std::string_view> parts;
  for (const std::string_view word : words) split_punctuation(word, parts);
  return parts;
}

std::string text_of_words(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ' ';
    const std::vector<std::string_view> parts = split_words(word);
    for (size_t i = 0; i < parts.size(); ++i) {
      if (i > 0) text += kNoBreakSpace;
      text += parts[i];
    }
    if (parts.empty()) text += kNoBreakSpace;
  }
  return text;
}

FeatureSet make_tagging_features(const std::vector<Example>& examples, const TaggingRules& rules,
                                 bool training, int threads, const std::stop_token& stop) {
  std::vector<ContextTokens> kept(training ? 0 : examples.size());
  FeatureSet all = collect_features(
      static_cast<int64_t>(examples.size()), kTextsPerChunk, threads, stop,
      [&](int64_t item, FeatureSet& features) {
        const auto e = static_cast<size_t>(item);
        const Example& example = examples[e];
        ContextTokens tokens = tokens_of(words_to_tag(example.text_a, rules.rows), rules.tokenizer);
        append_rows(tokens, example.targets, rules, features);
        if (!training) kept[e] = std::move(tokens);
      });
  if (training) return all;
  all.texts.tokens = std::move(kept);
  for (const Example& example : examples) all.texts.questions.contexts.push_back(example.text_a);
  return all;
}

void append_text_to_tag(const std::string& text, const TaggingRules& rules, FeatureSet& features) {
  ContextTokens tokens = tokens_of(words_to_tag(text, rules.rows), rules.tokenizer);
  append_rows(tokens, {}, rules, features);
  features.texts.tokens.push_back(std::move(tokens));
  features.texts.questions.contexts.push_back(text);
}

std::vector<std::vector<WordPlace>> places_of_words(const FeatureSet& features, int doc_stride) {
  std::vector<std::vector<WordPlace>> places;
  int64_t row = 0;
  for (const ContextTokens& tokens : features.texts.tokens) {
    places.push_back(places_in(features, tokens, doc_stride, row));
  }
  if (row != features.num_rows()) fail("it has more rows than its texts");
  return places;
}

void check_texts_to_tag(const FeatureTexts& texts, const TaggingRows& rows) {
  if (texts.tokens.size() != texts.questions.contexts.size()) fail("its texts lack tokens");
  for (size_t t = 0; t < texts.tokens.size(); ++t) {
    const std::vector<int32_t>& words = texts.tokens[t].token_words;
    int32_t next = 0;  // the word that may come next
    for (const int32_t word : words) {
      if (word != next && word != next - 1) fail("text ", t, " has tokens of no word");
      next = std::max(next, word + 1);
    }
    const size_t count = words_to_tag(texts.questions.contexts[t], rows).size();
    if (static_cast<size_t>(next) != count || words.size() != texts.tokens[t].token_ids.size() ||
        (!words.empty() && words.front() != 0)) {
      fail("text ", t, " has ", count, " words, but tokens of ", next);
    }
  }
}

}  // namespace pals

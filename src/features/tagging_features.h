// Texts whose words are tagged, as rows `[CLS] words [SEP]`: long texts are cut into overlapping
// rows, and the first token of a word stands for it.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "features/features.h"
#include "text/tokenizer.h"

namespace pals {

/// How texts are cut into words and rows.
struct TaggingRows {
  int doc_stride = 128;      ///< tokens from the start of one row of a long text to the next
  bool punctuation = false;  ///< punctuation is words of its own; else all between blanks is a word

  bool operator==(const TaggingRows&) const = default;
};

/// The words of a text, which must outlive them.
std::vector<std::string_view> words_to_tag(std::string_view text, const TaggingRows& rows);

/// The words with one blank between, so that words_to_tag() of the text gives as many: white space
/// within a word becomes a no-break space.
std::string text_of_words(const std::vector<std::string>& words);

/// How the texts of a tagging become rows.
struct TaggingRules {
  const Tokenizer& tokenizer;
  TaggingRows rows;
  int max_seq_length;
};

/// The rows of texts (text_a), each an example: a text has one or more. `targets` of an example are
/// its words' tags, those of a row a tag for each token, or -1 for one that is not a word's first;
/// none if the example has none. The texts are kept with the features, unless they are for
/// training. Throws UsageError unless max_seq_length leaves room for a token, and as
/// collect_features.
FeatureSet make_tagging_features(const std::vector<Example>& examples, const TaggingRules& rules,
                                 bool training, int threads = 0, const std::stop_token& stop = {});

/// Adds a text for prediction, and keeps it. Throws as make_tagging_features.
void append_text_to_tag(const std::string& text, const TaggingRules& rules, FeatureSet& features);

/// Where the first token of a word stands: of the rows that have it, in that with the most tokens
/// around it.
struct WordPlace {
  int64_t row = 0, position = 0;
};

/// The places of the words of each text. Throws Error if rows and texts do not fit each other.
std::vector<std::vector<WordPlace>> places_of_words(const FeatureSet& features, int doc_stride);

/// Throws Error for texts that have other words than tokens.
void check_texts_to_tag(const FeatureTexts& texts, const TaggingRows& rows);

}  // namespace pals

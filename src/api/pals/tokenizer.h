// Texts as tokens and as a model's input, without any model.
#pragma once

#include <pals/error.h>
#include <pals/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pals::api {

/// The tokens that a model knows, numbered from 0. Copies share their content.
class Vocabulary {
 public:
  int32_t size() const;
  /// UsageError for a number that is none.
  const std::string& token(int32_t id) const;
  std::optional<int32_t> find(std::string_view token) const;

  struct Content;
  explicit Vocabulary(std::shared_ptr<const Content> content) : content_(std::move(content)) {}

 private:
  std::shared_ptr<const Content> content_;
};

/// BERT's tokenizer. Any number of threads may use one; copies share their tables.
class Tokenizer {
 public:
  /// The tokens of a text, without special ones.
  std::vector<std::string> tokenize(std::string_view utf8) const;
  /// Their ids.
  std::vector<int32_t> encode(std::string_view utf8) const;

  const Vocabulary& vocabulary() const { return vocabulary_; }
  bool do_lower_case() const;

  explicit Tokenizer(std::shared_ptr<const Vocabulary::Content> content)
      : content_(content), vocabulary_(std::move(content)) {}

 private:
  friend int32_t encode_pair(const Tokenizer& tokenizer, std::string_view text_a,
                             std::string_view text_b, int max_tokens, std::vector<int32_t>& ids);

  std::shared_ptr<const Vocabulary::Content> content_;
  Vocabulary vocabulary_;
};

/// The tokenizer of a model folder, PALs' own or as transformers writes it. Error if it has no
/// vocabulary or a damaged file.
Tokenizer load_tokenizer(const std::string& folder);

/// Appends `[CLS] a [SEP]`, or `[CLS] a [SEP] b [SEP]` if b has tokens, to `ids` and returns the
/// number of tokens of type 0 (up to and with the first [SEP]). The longer text loses its last
/// tokens until `max_tokens` fit. UsageError for fewer than 3 of them.
int32_t encode_pair(const Tokenizer& tokenizer, std::string_view text_a, std::string_view text_b,
                    int max_tokens, std::vector<int32_t>& ids);

}  // namespace pals::api

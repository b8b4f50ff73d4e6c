#include "text/token_places.h"

#include <string>

#include "base/utf8.h"
#include "text/cleaning.h"
#include "text/unicode_rules.h"

namespace pals {
namespace {

// A character of a folded text and the bytes that it came from.
struct FoldedCharacter {
  char32_t code = 0;
  TokenPlace place;
  bool begins_word = false;
};

// The text as the tokenizer's rules see it, without blanks.
class FoldedText {
 public:
  FoldedText(std::string_view utf8, const WordRules& rules) : rules_(rules) {
    walk_cleaned(
        utf8, rules,
        [&](char32_t code, size_t at, size_t size) {
          text_ += code;
          sources_.push_back({at, at + size});
        },
        [&] { end_chunk(); });
    end_chunk();
  }

  const std::vector<FoldedCharacter>& characters() const { return characters_; }

 private:
  // Folds what stands between blanks. Characters that are folded by their neighbours all get the
  // place of the whole.
  void end_chunk() {
    if (text_.empty()) return;
    const std::u32string folded = rules_.folds() ? fold_word(text_, rules_) : text_;
    std::vector<TokenPlace> places;
    std::u32string one_by_one;
    for (size_t i = 0; i < text_.size(); ++i) {
      const std::u32string_view character = std::u32string_view(text_).substr(i, 1);
      one_by_one += rules_.folds() ? fold_word(character, rules_) : std::u32string(character);
      places.resize(one_by_one.size(), sources_[i]);
    }
    if (one_by_one != folded) {
      places.assign(folded.size(), {sources_.front().begin, sources_.back().end});
    }
    bool begins = true;
    for (size_t i = 0; i < folded.size(); ++i) {
      const bool punctuation = is_bert_punctuation(folded[i]);
      characters_.push_back({folded[i], places[i], begins || punctuation});
      begins = punctuation;
    }
    text_.clear();
    sources_.clear();
  }

  WordRules rules_;
  std::u32string text_;              // what stands between two blanks
  std::vector<TokenPlace> sources_;  // of its characters
  std::vector<FoldedCharacter> characters_;
};

// Walks over the folded text, a token at a time.
class Walk {
 public:
  Walk(std::string_view utf8, const std::vector<FoldedCharacter>& characters)
      : utf8_(utf8), characters_(characters) {}

  // [UNK] stands for a whole word.
  std::optional<TokenPlace> take_word() {
    size_t count = 1;
    while (at_ + count < characters_.size() && !characters_[at_ + count].begins_word) ++count;
    return take(count);
  }

  std::optional<TokenPlace> take_token(std::string_view token) {
    const bool goes_on = at_ < characters_.size() && !characters_[at_].begins_word;
    const std::string_view piece = goes_on && token.starts_with("##") ? token.substr(2) : token;
    const char* const end = piece.data() + piece.size();
    size_t count = 0;
    for (const char* at = piece.data(); at < end; ++count) {
      const CodePoint code = decode_utf8(at, end);
      const size_t place = at_ + count;
      if (place >= characters_.size() || characters_[place].code != code.value) {
        return take_as_written(token);
      }
      at += code.size;
    }
    return take(count);
  }

 private:
  std::optional<TokenPlace> take(size_t count) {
    if (lost_ || count == 0 || at_ + count > characters_.size()) return lose();
    const TokenPlace place{characters_[at_].place.begin, characters_[at_ + count - 1].place.end};
    at_ += count;
    return place;
  }

  // An added token, which was found before the text was folded.
  std::optional<TokenPlace> take_as_written(std::string_view token) {
    if (lost_ || at_ >= characters_.size()) return lose();
    const size_t begin = characters_[at_].place.begin, end = begin + token.size();
    if (!utf8_.substr(begin).starts_with(token)) return lose();
    while (at_ < characters_.size() && characters_[at_].place.begin < end) ++at_;
    return TokenPlace{begin, end};
  }

  std::optional<TokenPlace> lose() {
    lost_ = true;
    return std::nullopt;
  }

  std::string_view utf8_;
  const std::vector<FoldedCharacter>& characters_;
  size_t at_ = 0;
  bool lost_ = false;
};

}  // namespace

std::vector<std::optional<TokenPlace>> token_places(const Tokenizer& tokenizer,
                                                    std::string_view utf8,
                                                    std::span<const int32_t> ids) {
  const FoldedText folded(utf8, tokenizer.rules());
  const Vocabulary& vocabulary = tokenizer.vocabulary();
  Walk walk(utf8, folded.characters());
  std::vector<std::optional<TokenPlace>> places;
  places.reserve(ids.size());
  for (const int32_t id : ids) {
    places.push_back(id == vocabulary.unk_id() ? walk.take_word()
                                               : walk.take_token(vocabulary.token(id)));
  }
  return places;
}

}  // namespace pals

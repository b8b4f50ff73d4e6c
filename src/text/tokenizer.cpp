#include "text/tokenizer.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/text_util.h"
#include "base/utf8.h"
#include "text/added_tokens.h"
#include "text/ascii_scan.h"
#include "text/basic_words.h"
#include "text/char_table.h"
#include "text/piece_trie.h"
#include "text/unicode_rules.h"
#include "text/word_table.h"

namespace pals {
namespace {

// What "[MASK]" and its like are called; in a text they are tokens only if the settings say so.
constexpr const char* kSpecialTokens[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};

// Gives each added token the id that it has or gets, and the vocabulary those that it lacks.
Vocabulary with_added_tokens(Vocabulary vocabulary, std::vector<AddedToken>& added) {
  std::map<int32_t, std::string> more;
  const auto refuse = [](const AddedToken& token, int32_t id, const std::string& other) {
    fail("added token ", quote(token.text), " has the id ", id, " of the token ", quote(other));
  };
  for (AddedToken& token : added) {
    if (!token.id) token.id = vocabulary.find(token.text);
    if (!token.id) continue;
    const int32_t id = *token.id;
    if (id < 0 || id >= Vocabulary::kMaxTokens) {
      fail("added token ", quote(token.text), " has the id ", id, ", expected one below ",
           Vocabulary::kMaxTokens);
    }
    if (id < vocabulary.size() && vocabulary.token(id) == token.text) continue;
    if (id < vocabulary.size() && !vocabulary.token(id).empty()) {
      refuse(token, id, vocabulary.token(id));
    }
    const auto [place, is_new] = more.emplace(id, token.text);
    if (!is_new && place->second != token.text) refuse(token, id, place->second);
  }
  int32_t next = std::max(vocabulary.size(), more.empty() ? 0 : more.rbegin()->first + 1);
  for (AddedToken& token : added) {
    if (token.id) continue;
    token.id = next;
    more.emplace(next++, token.text);
  }
  return more.empty() ? std::move(vocabulary) : vocabulary.with_added(more);
}

}  // namespace

struct Tokenizer::Tables {
  Tables(Vocabulary words, TokenizerSettings given)
      : settings(std::move(given)),
        rules{settings.do_lower_case, settings.strip_accents.value_or(settings.do_lower_case),
              settings.tokenize_chinese_chars},
        do_lower_case(settings.do_lower_case),
        vocabulary(with_added_tokens(std::move(words), settings.added_tokens)),
        characters(CharTable::get(rules)),
        words(vocabulary),
        pieces(vocabulary, kMaxWordCharacters) {
    for (size_t c = 0; c < 128; ++c) {
      ascii_actions[c] = characters[static_cast<char32_t>(c)].action();
      if (ascii_actions[c] == CharAction::kPunctuation) {
        const char text = static_cast<char>(c);
        ascii_ids[c] = vocabulary.find({&text, 1}).value_or(vocabulary.unk_id());
      }
    }
    if (settings.special_tokens_in_text) {
      for (const char* const name : kSpecialTokens) {
        if (const auto id = vocabulary.find(name)) exact.add(name, *id, false);
      }
    }
    for (const AddedToken& token : settings.added_tokens) {
      if (token.normalized) {
        folded.add(folded_text(token.text, rules), *token.id, token.single_word);
      } else {
        exact.add(token.text, *token.id, token.single_word);
      }
    }
  }

  TokenizerSettings settings;
  WordRules rules;
  bool do_lower_case;  // of the rules
  Vocabulary vocabulary;
  AddedTokens exact, folded;  // found in the text as it stands, and once it is folded
  const CharTable& characters;
  WordTable words;
  PieceTrie pieces;
  std::array<CharAction, 128> ascii_actions;
  std::array<int32_t, 128> ascii_ids{};  // of punctuation
};

namespace {

constexpr size_t kMaxWordBytes = 4 * Tokenizer::kMaxWordCharacters;

/// A word as it is being put together. Characters past the most a word may have are counted only.
class Word {
 public:
  void append(char32_t code) {
    if (++characters_ <= Tokenizer::kMaxWordCharacters) end_ = write_utf8(code, end_);
  }

  void append(std::string_view text) {
    characters_ += count_code_points(text);
    if (characters_ <= Tokenizer::kMaxWordCharacters) end_ = std::ranges::copy(text, end_).out;
  }

  void clear() {
    end_ = bytes_;
    characters_ = 0;
  }

  bool empty() const { return characters_ == 0; }
  bool too_long() const { return characters_ > Tokenizer::kMaxWordCharacters; }
  const char* data() const { return bytes_; }
  size_t size() const { return static_cast<size_t>(end_ - bytes_); }

 private:
  char bytes_[kMaxWordBytes];
  char* end_ = bytes_;
  size_t characters_ = 0;
};

}  // namespace

/// One text on its way into ids.
class Tokenizer::Encoder {
 public:
  Encoder(const Tables& tables, std::string_view text, std::vector<int32_t>& ids, size_t limit)
      : tables_(tables),
        text_(text),
        end_(text.data() + text.size()),
        ids_(ids),
        remaining_(limit) {
    set_stop();
  }

  void run() {
    const char* at = text_.data();
    while (at < end_ && (out_ < stop_ || flush())) at = encode_next(at);
    flush();
  }

 private:
  static constexpr size_t kFlushSize = 512;

  /// Encodes at least one character, at most up to the end of a word; returns what comes next.
  const char* encode_next(const char* at) {
    const auto first = static_cast<unsigned char>(*at);
    if (first >= 0x80) return encode_word(at);
    const CharAction action = tables_.ascii_actions[first];
    if (action == CharAction::kWord) return encode_ascii_word(at);
    if (action == CharAction::kPunctuation) *out_++ = tables_.ascii_ids[first];
    return at + 1;
  }

  /// The usual case: a word of ASCII letters and digits alone.
  const char* encode_ascii_word(const char* at) {
    AsciiRun run;
    if (end_ - at >= 16) {
      run = scan_ascii_run(at, tables_.do_lower_case);
    } else {
      char padded[16] = {};
      std::copy(at, end_, padded);
      run = scan_ascii_run(padded, tables_.do_lower_case);
    }
    const char* stop = at + run.size;
    if (run.size == 16) {
      while (stop < end_ && is_ascii_alphanumeric(static_cast<unsigned char>(*stop))) ++stop;
    }
    bool blank_follows = false;
    if (stop < end_) {
      const auto next = static_cast<unsigned char>(*stop);
      // Other characters may belong to the word, too.
      if (next >= 0x80 || tables_.ascii_actions[next] == CharAction::kDropped) {
        return encode_word(at);
      }
      blank_follows = tables_.ascii_actions[next] == CharAction::kBlank;
    }

    const auto size = static_cast<size_t>(stop - at);
    if (size <= WordKey::kMaxSize) {
      const int32_t id = tables_.words.find(run.key);
      if (id != WordTable::kMissing) {
        *out_++ = id;
      } else {
        char bytes[WordKey::kMaxSize];
        std::memcpy(bytes, &run.key, sizeof bytes);
        emit_pieces(bytes, size);
      }
    } else if (size <= kMaxWordCharacters) {
      char bytes[kMaxWordCharacters];
      std::transform(at, stop, bytes, [this](char c) {
        const bool lower = tables_.do_lower_case && is_ascii_upper(static_cast<unsigned char>(c));
        return static_cast<char>(lower ? c | 0x20 : c);
      });
      emit_pieces(bytes, size);
    } else {
      *out_++ = tables_.vocabulary.unk_id();
    }
    return stop + (blank_follows ? 1 : 0);
  }

  /// Any word, up to and with the character that ends it.
  const char* encode_word(const char* const begin) {
    Word word;
    for (const char* at = begin; at < end_;) {
      const CodePoint code = decode_utf8(at, end_);
      const CharRule rule = tables_.characters[code.value];
      switch (rule.action()) {
        case CharAction::kWord:
          word.append(rule.target());
          break;
        case CharAction::kDropped:
          break;
        case CharAction::kBlank:
          emit(word);
          return at + code.size;
        case CharAction::kPunctuation:
        case CharAction::kIdeograph:
          emit(word);
          emit_character(rule.target());
          return at + code.size;
        case CharAction::kExpansion:
          word.append(tables_.characters.expansion(rule));
          break;
        case CharAction::kCapitalSigma:
          word.append(lower_sigma(at));
          break;
        case CharAction::kContextual:
          return encode_contextual(begin);
      }
      at += code.size;
    }
    emit(word);
    return end_;
  }

  /// The slow way for what is left of a word between blanks, punctuation included.
  const char* encode_contextual(const char* at) {
    std::u32string cleaned;
    for (; at < end_;) {
      const CodePoint code = decode_utf8(at, end_);
      const Cleaning cleaning = cleaning_of(code.value);
      const bool ideograph = cleaning == Cleaning::kIdeograph;
      if (cleaning == Cleaning::kBlank || (ideograph && tables_.rules.split_ideographs)) break;
      if (cleaning == Cleaning::kKeep || ideograph) {
        const bool sigma = tables_.do_lower_case && code.value == kCapitalSigma;
        cleaned += sigma ? lower_sigma(at) : code.value;
      }
      at += code.size;
    }
    Word word;
    for (const char32_t code : fold_word(cleaned, tables_.rules)) {
      if (out_ >= stop_ && !flush()) return at;
      if (is_bert_punctuation(code)) {
        emit(word);
        word.clear();
        emit_character(code);
      } else {
        word.append(code);
      }
    }
    emit(word);
    return at;
  }

  char32_t lower_sigma(const char* at) const {
    const auto offset = static_cast<size_t>(at - text_.data());
    return is_final_sigma(text_, offset) ? kFinalSigma : kSmallSigma;
  }

  void emit_character(char32_t code) {
    Word word;
    word.append(code);
    emit(word);
  }

  void emit(const Word& word) {
    if (word.empty()) return;
    if (word.too_long()) {
      *out_++ = tables_.vocabulary.unk_id();
      return;
    }
    if (word.size() <= WordKey::kMaxSize) {
      const int32_t id = tables_.words.find(WordKey::of(word.data(), word.size()));
      if (id != WordTable::kMissing) {
        *out_++ = id;
        return;
      }
    }
    emit_pieces(word.data(), word.size());
  }

  void emit_pieces(const char* word, size_t size) {
    const size_t count = tables_.pieces.match(word, size, out_);
    if (count == 0) *out_ = tables_.vocabulary.unk_id();
    out_ += std::max<size_t>(count, 1);
  }

  /// Hands the finished ids over. False once the limit is reached.
  bool flush() {
    const size_t count = std::min(static_cast<size_t>(out_ - buffer_), remaining_);
    ids_.insert(ids_.end(), buffer_, buffer_ + count);
    remaining_ -= count;
    out_ = buffer_;
    set_stop();
    return remaining_ > 0;
  }

  void set_stop() { stop_ = buffer_ + std::min(kFlushSize, remaining_); }

  const Tables& tables_;
  const std::string_view text_;
  const char* const end_;
  std::vector<int32_t>& ids_;
  size_t remaining_;  // of the limit, not counting the buffer
  int32_t* out_ = buffer_;
  int32_t* stop_ = buffer_;  // where to flush; two words fit behind it
  int32_t buffer_[kFlushSize + 2 * kMaxWordBytes];
};

Tokenizer::Tokenizer(Vocabulary vocabulary, TokenizerSettings settings)
    : tables_(std::make_shared<const Tables>(std::move(vocabulary), std::move(settings))) {}

Tokenizer::Tokenizer(Vocabulary vocabulary, bool do_lower_case)
    : Tokenizer(std::move(vocabulary), TokenizerSettings{.do_lower_case = do_lower_case}) {}

void Tokenizer::encode(std::string_view utf8, std::vector<int32_t>& ids, size_t limit) const {
  if (tables_->exact.empty() && tables_->folded.empty()) {
    Encoder(*tables_, utf8, ids, limit).run();
  } else {
    encode_between_added(utf8, ids, limit);
  }
}

void Tokenizer::encode_between_added(std::string_view utf8, std::vector<int32_t>& ids,
                                     size_t limit) const {
  const size_t first = ids.size();
  const auto left = [&] { return limit - (ids.size() - first); };
  // Hands what lies between the matches to `between`, and adds the ids of the matches.
  const auto walk = [&](const AddedTokens& tokens, std::string_view text, const auto& between) {
    size_t at = 0;
    while (left() > 0) {
      const auto match = tokens.find(text, at);
      between(text.substr(at, match ? match->begin - at : std::string_view::npos));
      if (!match) break;
      if (left() > 0) ids.push_back(match->id);
      at = match->end;
    }
  };
  const auto encode_words = [&](std::string_view text) {
    Encoder(*tables_, text, ids, left()).run();
  };
  walk(tables_->exact, utf8, [&](std::string_view text) {
    if (tables_->folded.empty()) return encode_words(text);
    // Folding what is folded changes nothing.
    walk(tables_->folded, folded_text(text, tables_->rules), encode_words);
  });
}

std::vector<std::string> Tokenizer::tokenize(std::string_view utf8) const {
  std::vector<int32_t> ids;
  encode(utf8, ids);
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const int32_t id : ids) tokens.push_back(tables_->vocabulary.token(id));
  return tokens;
}

const Vocabulary& Tokenizer::vocabulary() const { return tables_->vocabulary; }

const TokenizerSettings& Tokenizer::settings() const { return tables_->settings; }

const WordRules& Tokenizer::rules() const { return tables_->rules; }

bool Tokenizer::do_lower_case() const { return tables_->do_lower_case; }

}  // namespace pals

#include "model/tokenizer_files.h"

#include "base/error.h"
#include "base/log.h"
#include "base/text_util.h"

namespace pals {
namespace {

bool guess_lower_case(const TokenizerFiles& files, const Vocabulary& vocabulary) {
  const std::optional<std::string> word = find_cased_word(vocabulary);
  if (word) {
    log_info(files.vocabulary_path(), " has capital letters (", quote(*word),
             "): texts keep their case (--do_lower_case: they are lower-cased)");
  } else {
    log_info(files.vocabulary_path(), " has no capital letters: texts are lower-cased ",
             "(--do_lower_case=false: they keep their case)");
  }
  return !word;
}

}  // namespace

TokenizerSettings read_tokenizer_settings(const TokenizerFiles& files, const Vocabulary& vocabulary,
                                          std::optional<bool> do_lower_case,
                                          std::optional<bool> special_tokens_in_text) {
  StatedSettings stated = read_stated_settings(files);
  if (do_lower_case) stated.do_lower_case = do_lower_case;
  if (special_tokens_in_text) stated.special_tokens_in_text = special_tokens_in_text;
  if (!stated.do_lower_case) stated.do_lower_case = guess_lower_case(files, vocabulary);
  return stated.resolve(*stated.do_lower_case);
}

Tokenizer open_tokenizer(const TokenizerFiles& files, std::optional<bool> do_lower_case,
                         std::optional<bool> special_tokens_in_text) {
  const Vocabulary vocabulary = read_vocabulary(files);
  return Tokenizer(vocabulary, read_tokenizer_settings(files, vocabulary, do_lower_case,
                                                       special_tokens_in_text));
}

}  // namespace pals

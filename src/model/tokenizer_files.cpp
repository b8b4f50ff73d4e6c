#include "model/tokenizer_files.h"

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text_util.h"

namespace pals {
namespace {

// A key that is true or false; nothing if the object does not have it, or not yet decided (null).
std::optional<bool> read_flag(const Json& json, const char* key, const std::string& where) {
  const auto it = json.is_object() ? json.find(key) : json.end();
  if (it == json.end() || it->is_null()) return std::nullopt;
  if (!it->is_boolean()) fail(where, ": \"", key, "\" is not true or false");
  return it->get<bool>();
}

// Whether a normalizer of tokenizer.json, or one of those that it is made of, lower-cases.
bool lower_cases(const Json& normalizer, const std::string& where) {
  if (!normalizer.is_object()) return false;
  if (normalizer.value("type", Json()) == "Lowercase") return true;
  if (read_flag(normalizer, "lowercase", where).value_or(false)) return true;
  const auto parts = normalizer.find("normalizers");
  if (parts == normalizer.end() || !parts->is_array()) return false;
  for (const Json& part : *parts) {
    if (lower_cases(part, where)) return true;
  }
  return false;
}

bool guess_lower_case(const CheckpointSources& files, const Vocabulary& vocabulary) {
  const std::optional<std::string> word = find_cased_word(vocabulary);
  if (word) {
    log_info(files.vocabulary, " has capital letters (", quote(*word),
             "): texts keep their case (--do_lower_case: they are lower-cased)");
  } else {
    log_info(files.vocabulary, " has no capital letters: texts are lower-cased ",
             "(--do_lower_case=false: they keep their case)");
  }
  return !word;
}

bool choose_lower_case(const CheckpointSources& files, const Vocabulary& vocabulary) {
  if (!files.tokenizer_config.empty()) {
    const std::optional<bool> said =
        read_flag(read_json(files.tokenizer_config), "do_lower_case", files.tokenizer_config);
    if (said) return *said;
  }
  if (!files.tokenizer_json.empty()) {
    const Json json = read_json(files.tokenizer_json);
    if (json.is_object() && json.contains("normalizer")) {
      return lower_cases(json["normalizer"], files.tokenizer_json);
    }
  }
  return guess_lower_case(files, vocabulary);
}

}  // namespace

TokenizerSettings read_tokenizer_settings(const CheckpointSources& files,
                                          const Vocabulary& vocabulary,
                                          std::optional<bool> do_lower_case) {
  TokenizerSettings settings;
  settings.do_lower_case = do_lower_case ? *do_lower_case : choose_lower_case(files, vocabulary);
  return settings;
}

Tokenizer open_tokenizer(const CheckpointSources& files, std::optional<bool> do_lower_case) {
  const Vocabulary vocabulary = Vocabulary::load(files.vocabulary);
  return Tokenizer(vocabulary,
                   read_tokenizer_settings(files, vocabulary, do_lower_case).do_lower_case);
}

Tokenizer open_folder_tokenizer(const std::string& folder) {
  const CheckpointSources files = find_tokenizer_files(folder);
  if (files.vocabulary.empty()) fail(folder, ": no vocab.txt in this folder");
  return open_tokenizer(files);
}

}  // namespace pals

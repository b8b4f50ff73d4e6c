#include "text/tokenizer_json.h"

#include <algorithm>
#include <string>
#include <vector>

#include "text/tokenizer.h"
#include "text/tokenizer_files.h"

namespace pals {
namespace {

struct SpecialToken {
  const char* role;
  const char* text;
};

constexpr SpecialToken kSpecial[] = {{"pad_token", "[PAD]"},
                                     {"unk_token", "[UNK]"},
                                     {"cls_token", "[CLS]"},
                                     {"sep_token", "[SEP]"},
                                     {"mask_token", "[MASK]"}};

Json token_object(const std::string& text, bool single_word, bool normalized, bool special) {
  return {{"content", text}, {"single_word", single_word}, {"lstrip", false},
          {"rstrip", false}, {"normalized", normalized},   {"special", special}};
}

// Added tokens by their ids. Those of a user's are not special, which are not looked for in texts.
std::vector<std::pair<int32_t, Json>> added_tokens(const TokenizerSettings& settings,
                                                   const Vocabulary& vocabulary) {
  std::vector<std::pair<int32_t, Json>> tokens;
  for (const SpecialToken& token : kSpecial) {
    const std::optional<int32_t> id = vocabulary.find(token.text);
    if (id) tokens.emplace_back(*id, token_object(token.text, false, false, true));
  }
  for (const AddedToken& token : settings.added_tokens) {
    tokens.emplace_back(*token.id,
                        token_object(token.text, token.single_word, token.normalized, false));
  }
  std::ranges::sort(tokens, {}, &std::pair<int32_t, Json>::first);
  return tokens;
}

Json piece(const char* kind, const std::string& id, int type) {
  return {{kind, {{"id", id}, {"type_id", type}}}};
}

Json special_piece(const Vocabulary& vocabulary, int32_t id) {
  const std::string& token = vocabulary.token(id);
  return {{token, {{"id", token}, {"ids", Json::array({id})}, {"tokens", Json::array({token})}}}};
}

// [CLS] a [SEP], [CLS] a [SEP] b [SEP].
Json post_processor(const Vocabulary& vocabulary) {
  const Json cls = piece("SpecialToken", "[CLS]", 0), sep = piece("SpecialToken", "[SEP]", 0),
             first = piece("Sequence", "A", 0);
  Json tokens = special_piece(vocabulary, vocabulary.cls_id());
  tokens.update(special_piece(vocabulary, vocabulary.sep_id()));
  return {{"type", "TemplateProcessing"},
          {"single", Json::array({cls, first, sep})},
          {"pair", Json::array({cls, first, sep, piece("Sequence", "B", 1),
                                piece("SpecialToken", "[SEP]", 1)})},
          {"special_tokens", tokens}};
}

Json word_piece(const Vocabulary& vocabulary) {
  Json ids = Json::object();
  for (int32_t id = 0; id < vocabulary.base_size(); ++id) {
    const std::string& token = vocabulary.token(id);
    if (!token.empty()) ids[token] = id;  // of equal lines the last one counts
  }
  return {{"type", "WordPiece"},
          {"unk_token", "[UNK]"},
          {"continuing_subword_prefix", "##"},
          {"max_input_chars_per_word", Tokenizer::kMaxWordCharacters},
          {"vocab", ids}};
}

Json or_null(const std::optional<bool>& flag) { return flag ? Json(*flag) : Json(); }

}  // namespace

Json tokenizer_json(const TokenizerSettings& settings, const Vocabulary& vocabulary) {
  Json added = Json::array();
  for (auto& [id, token] : added_tokens(settings, vocabulary)) {
    added.push_back(std::move(token));
    added.back()["id"] = id;
  }
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added},
          {"normalizer",
           {{"type", "BertNormalizer"},
            {"clean_text", true},
            {"handle_chinese_chars", settings.tokenize_chinese_chars},
            {"strip_accents", or_null(settings.strip_accents)},
            {"lowercase", settings.do_lower_case}}},
          {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
          {"post_processor", post_processor(vocabulary)},
          {"decoder", {{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}}},
          {"model", word_piece(vocabulary)}};
}

Json transformers_tokenizer_config(const TokenizerSettings& settings, const Vocabulary& vocabulary,
                                   int max_length) {
  Json json = tokenizer_config_keys(settings);
  json["added_tokens_decoder"] = Json::object();
  for (auto& [id, token] : added_tokens(settings, vocabulary)) {
    json["added_tokens_decoder"][std::to_string(id)] = std::move(token);
  }
  json["tokenizer_class"] = "BertTokenizer";
  json["model_max_length"] = max_length;
  json["strip_accents"] = or_null(settings.strip_accents);
  json["tokenize_chinese_chars"] = settings.tokenize_chinese_chars;
  json["split_special_tokens"] = !settings.special_tokens_in_text;
  for (const SpecialToken& token : kSpecial) {
    json[token.role] = vocabulary.find(token.text) ? Json(token.text) : Json();
  }
  return json;
}

Json special_tokens_map(const Vocabulary& vocabulary) {
  Json json = Json::object();
  for (const SpecialToken& token : kSpecial) {
    if (vocabulary.find(token.text)) json[token.role] = token.text;
  }
  return json;
}

}  // namespace pals

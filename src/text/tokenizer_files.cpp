#include "text/tokenizer_files.h"

#include <algorithm>
#include <map>
#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/text_util.h"

namespace pals {
namespace {

std::string kind_of(const Json& value) {
  if (value.is_null()) return "nothing";
  if (value.is_object() && value.contains("type") && value["type"].is_string()) {
    return quote(value["type"].get<std::string>(), 40);
  }
  return value.type_name();
}

// A key's value; null if it is not there.
const Json& value_of(const Json& json, const char* key) {
  static const Json nothing;
  const auto it = json.find(key);
  return it == json.end() ? nothing : *it;
}

std::optional<bool> flag_of(const Json& json, const char* key, const std::string& where) {
  const Json& value = value_of(json, key);
  if (value.is_null()) return std::nullopt;
  if (!value.is_boolean()) fail(where, ": \"", key, "\" is not true or false");
  return value.get<bool>();
}

void expect_object(const Json& json, const std::string& where) {
  if (!json.is_object()) fail(where, ": expected a JSON object, found ", json.type_name());
}

bool is_special_of_bert(std::string_view text) {
  constexpr std::string_view kNames[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
  return std::ranges::find(kNames, text) != std::end(kNames);
}

// An added token as tokenizer.json and tokenizer_config.json describe it. lstrip and rstrip only
// say to whom blanks belong, which are no tokens in any case.
AddedToken token_of(const Json& json, std::optional<int64_t> id, const std::string& where) {
  AddedToken token;
  if (json.is_string()) {
    token.text = json.get<std::string>();
    token.normalized = false;
  } else {
    const Json& content = json.is_object() ? value_of(json, "content") : json;
    if (!content.is_string()) fail(where, ": an added token without \"content\"");
    token.text = content.get<std::string>();
    const bool special = flag_of(json, "special", where).value_or(false);
    token.single_word = flag_of(json, "single_word", where).value_or(false);
    token.normalized = flag_of(json, "normalized", where).value_or(!special);
  }
  if (id && (*id < 0 || *id >= Vocabulary::kMaxTokens)) {
    fail(where, ": added token ", quote(token.text), " has the id ", *id, ", expected one below ",
         Vocabulary::kMaxTokens);
  }
  if (id) token.id = static_cast<int32_t>(*id);
  return token;
}

void add(StatedSettings& stated, AddedToken token) {
  if (token.text.empty() || is_special_of_bert(token.text)) return;
  stated.added_tokens.push_back(std::move(token));
}

std::optional<int64_t> id_of(const Json& value) {
  if (!value.is_number_integer()) return std::nullopt;
  return value.get<int64_t>();
}

const Json& word_piece(const Json& json, const std::string& where) {
  expect_object(json, where);
  const Json& model = value_of(json, "model");
  const bool old = model.is_object() && !model.contains("type") && !model.contains("merges");
  if (!model.is_object() || !(old || value_of(model, "type") == "WordPiece")) {
    fail(where, ": a tokenizer of the model ", kind_of(model), ", expected WordPiece");
  }
  const std::pair<const char*, Json> expected[] = {{"unk_token", "[UNK]"},
                                                   {"continuing_subword_prefix", "##"},
                                                   {"max_input_chars_per_word", 100}};
  for (const auto& [key, value] : expected) {
    const Json& found = value_of(model, key);
    if (!found.is_null() && found != value) {
      fail(where, ": \"", key, "\" is ", quote(found.dump(-1, ' ', true)), ", expected ",
           value.dump());
    }
  }
  return model;
}

void read_normalizer(const Json& normalizer, const std::string& where, StatedSettings& stated) {
  if (!normalizer.is_object() || value_of(normalizer, "type") != "BertNormalizer") {
    fail(where, ": a normalizer of the type ", kind_of(normalizer), ", expected BertNormalizer");
  }
  if (!flag_of(normalizer, "clean_text", where).value_or(true)) {
    fail(where, ": \"clean_text\" is false, expected true: control characters are dropped");
  }
  stated.do_lower_case = flag_of(normalizer, "lowercase", where).value_or(true);
  stated.strip_accents = flag_of(normalizer, "strip_accents", where);
  stated.tokenize_chinese_chars = flag_of(normalizer, "handle_chinese_chars", where).value_or(true);
}

Json read_if_there(const std::string& path) {
  return path.empty() ? Json() : read_json(path, kMaxTokenizerBytes);
}

}  // namespace

TokenizerFiles find_tokenizer_files(const std::string& folder) {
  const auto find = [&](const char* name) {
    const std::string path = folder + "/" + name;
    return file_exists(path) ? path : "";
  };
  return {find("vocab.txt"), find("tokenizer_config.json"), find("tokenizer.json"),
          find("added_tokens.json")};
}

void StatedSettings::complete_with(const StatedSettings& other, const std::string& where) {
  const auto complete = [](std::optional<bool>& mine, const std::optional<bool>& theirs) {
    if (!mine) mine = theirs;
  };
  complete(do_lower_case, other.do_lower_case);
  complete(strip_accents, other.strip_accents);
  complete(tokenize_chinese_chars, other.tokenize_chinese_chars);
  complete(special_tokens_in_text, other.special_tokens_in_text);
  std::map<std::string, size_t> places;
  for (size_t i = 0; i < added_tokens.size(); ++i) places.emplace(added_tokens[i].text, i);
  for (const AddedToken& token : other.added_tokens) {
    const auto [place, is_new] = places.emplace(token.text, added_tokens.size());
    if (is_new) {
      added_tokens.push_back(token);
      continue;
    }
    AddedToken& mine = added_tokens[place->second];
    if (mine.id && token.id && mine.id != token.id) {
      fail(where, ": added token ", quote(token.text), " has the id ", *token.id, ", elsewhere ",
           *mine.id);
    }
    if (!mine.id) mine.id = token.id;
  }
}

TokenizerSettings StatedSettings::resolve(bool do_lower_case_unless_said) const {
  return {.do_lower_case = do_lower_case.value_or(do_lower_case_unless_said),
          .strip_accents = strip_accents,
          .tokenize_chinese_chars = tokenize_chinese_chars.value_or(true),
          .special_tokens_in_text = special_tokens_in_text.value_or(false),
          .added_tokens = added_tokens};
}

StatedSettings read_stated_settings(const TokenizerFiles& files) {
  StatedSettings stated;
  if (!files.tokenizer_config.empty()) {
    stated = parse_tokenizer_config(read_if_there(files.tokenizer_config), files.tokenizer_config);
  }
  if (!files.tokenizer_json.empty()) {
    stated.complete_with(
        parse_tokenizer_json(read_if_there(files.tokenizer_json), files.tokenizer_json),
        files.tokenizer_json);
  }
  if (!files.added_tokens.empty()) {
    stated.complete_with(parse_added_tokens(read_if_there(files.added_tokens), files.added_tokens),
                         files.added_tokens);
  }
  return stated;
}

Vocabulary read_vocabulary(const TokenizerFiles& files) {
  if (!files.vocabulary.empty()) return Vocabulary::load(files.vocabulary);
  if (files.tokenizer_json.empty()) fail("no vocabulary: expected a vocab.txt or tokenizer.json");
  return parse_vocabulary(read_if_there(files.tokenizer_json), files.tokenizer_json);
}

StatedSettings parse_tokenizer_config(const Json& json, const std::string& where) {
  expect_object(json, where);
  StatedSettings stated;
  stated.do_lower_case = flag_of(json, "do_lower_case", where);
  stated.strip_accents = flag_of(json, "strip_accents", where);
  stated.tokenize_chinese_chars = flag_of(json, "tokenize_chinese_chars", where);
  stated.special_tokens_in_text = flag_of(json, "special_tokens_in_text", where);
  if (!flag_of(json, "do_basic_tokenize", where).value_or(true)) {
    fail(where, ": \"do_basic_tokenize\" is false, expected true: texts are cut into words first");
  }
  const Json& never = value_of(json, "never_split");
  if (!never.is_null() && never != Json::array()) {
    fail(where, ": \"never_split\" is not supported; make its words added tokens");
  }
  const Json& decoder = value_of(json, "added_tokens_decoder");
  if (!decoder.is_null()) {
    expect_object(decoder, where);
    for (const auto& [id, token] : decoder.items()) {
      const std::optional<int64_t> number = parse_int(id);
      if (!number) fail(where, ": added token ", quote(id), ", expected an id");
      add(stated, token_of(token, number, where));
    }
  }
  const Json& more = value_of(json, "additional_special_tokens");
  if (!more.is_null()) {
    if (!more.is_array()) fail(where, ": \"additional_special_tokens\" is no list");
    StatedSettings listed;
    for (const Json& token : more) add(listed, token_of(token, std::nullopt, where));
    stated.complete_with(listed, where);
  }
  return stated;
}

StatedSettings parse_tokenizer_json(const Json& json, const std::string& where) {
  expect_object(json, where);
  if (json.contains("model")) word_piece(json, where);
  StatedSettings stated;
  if (json.contains("normalizer")) read_normalizer(json["normalizer"], where, stated);
  if (json.contains("pre_tokenizer")) {
    const Json& splitter = json["pre_tokenizer"];
    if (!splitter.is_object() || value_of(splitter, "type") != "BertPreTokenizer") {
      fail(where, ": a pre_tokenizer of the type ", kind_of(splitter),
           ", expected BertPreTokenizer");
    }
  }
  const Json& added = value_of(json, "added_tokens");
  if (!added.is_null() && !added.is_array()) fail(where, ": \"added_tokens\" is no list");
  for (const Json& token : added) {
    const std::optional<int64_t> id =
        token.is_object() ? id_of(value_of(token, "id")) : std::nullopt;
    if (!id) fail(where, ": an added token without \"id\"");
    add(stated, token_of(token, id, where));
  }
  return stated;
}

StatedSettings parse_added_tokens(const Json& json, const std::string& where) {
  expect_object(json, where);
  StatedSettings stated;
  for (const auto& [text, id] : json.items()) {
    const std::optional<int64_t> number = id_of(id);
    if (!number) fail(where, ": added token ", quote(text), " without an id");
    add(stated, token_of(Json{{"content", text}}, number, where));
  }
  return stated;
}

Vocabulary parse_vocabulary(const Json& json, const std::string& where) {
  const Json& vocabulary = value_of(word_piece(json, where), "vocab");
  expect_object(vocabulary, where);
  std::vector<std::pair<std::string, int64_t>> ids;
  for (const auto& [token, id] : vocabulary.items()) {
    const std::optional<int64_t> number = id_of(id);
    if (!number) fail(where, ": token ", quote(token), " without an id");
    ids.emplace_back(token, *number);
  }
  return Vocabulary::from_map(ids, where);
}

Json tokenizer_config_keys(const TokenizerSettings& settings) {
  Json json{{"do_lower_case", settings.do_lower_case}};
  if (settings.strip_accents) json["strip_accents"] = *settings.strip_accents;
  if (!settings.tokenize_chinese_chars) json["tokenize_chinese_chars"] = false;
  if (settings.special_tokens_in_text) json["special_tokens_in_text"] = true;
  for (const AddedToken& token : settings.added_tokens) {
    json["added_tokens_decoder"][std::to_string(*token.id)] =
        Json{{"content", token.text},
             {"single_word", token.single_word},
             {"normalized", token.normalized},
             {"special", !token.normalized},
             {"lstrip", false},
             {"rstrip", false}};
  }
  return json;
}

Json added_tokens_json(const TokenizerSettings& settings, const Vocabulary& vocabulary) {
  Json json = Json::object();
  for (const AddedToken& token : settings.added_tokens) {
    if (*token.id >= vocabulary.base_size()) json[token.text] = *token.id;
  }
  return json;
}

}  // namespace pals
